/* SPDX-License-Identifier: MIT */
/* What the test of gdbserver debugs: a call, a sum, a variable that changes the exit code. */
int counter = 5;

int add(int a, int b)
{
    int sum = a + b;
    return sum + counter;
}

int main(void)
{
    int total = 0;
    for (int i = 0; i < 3; i++)
        total += add(i, 10);
    return total;
}
