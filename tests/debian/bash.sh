# Features of bash beyond a plain shell: substitution, coprocesses, arrays, traps, jobs.
cat <<X
a $((1 + 2)) $(echo sub)
X
cat <(echo one) <(echo two)
diff <(printf '1\n2\n') <(printf '1\n3\n'); echo "diff $?"
coproc C { read -r x; echo "got $x"; }
echo hello >&"${C[1]}"; read -ru "${C[0]}" y; echo "$y"; wait
declare -A m; m[a]=1; m[b]=2; for k in a b; do echo "$k=${m[$k]}"; done
a=(1 2 3 4); echo "${#a[@]} ${a[*]:1:2} ${a[-1]}"
trap 'echo trapped USR1' USR1; kill -USR1 $$; trap 'echo bye' EXIT
(trap 'echo sub term; exit 3' TERM; kill -TERM $BASHPID; sleep 1); echo "sub $?"
exec 3>/tmp/f3; echo to3 >&3; exec 3>&-; cat /tmp/f3
printf '%s\n' {1..3}{a,b} | paste -sd,
[[ foo =~ ^f(o+)$ ]] && echo "${BASH_REMATCH[1]}"
sleep 0.2 & sleep 0.1 & wait; echo "waited $?"
set -o pipefail; false | true; echo "pipefail $?"; set +o pipefail
mapfile -t lines < <(seq 5); echo "${#lines[@]}"
timeout 0.3 sleep 5; echo "timeout $?"
read -rt 0.1 z < <(sleep 1); echo "read $?"
yes | head -2; seq 100000 | tail -1
exec 4<>/tmp/rw; echo x >&4; cat /tmp/rw
