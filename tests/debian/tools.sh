# Filters, archives, interpreters and a revision control system over real trees.
cd /root && rm -rf t && mkdir t && cd t || exit 1
awk 'BEGIN { for (i = 0; i < 20000; i++) print (i * 7919) % 100003, "line", i }' >big
sort -n big | md5sum; sort -S 100k -T . big | md5sum; sort -u -k1,1n big | wc -l
perl -ne '$s += $1 if /^(\d+)/; END { print "$s\n" }' big
lua5.4 -e 'local n = 0 for l in io.lines("big") do n = n + #l end print(n)'
sed -n 's/line/word/; 1000p; $p' big; grep -c 99 big
split -n 4 big part. && cat part.* | cmp - big && echo split
xz -1 <big | xz -d | cmp - big && gzip <big | zcat | cmp - big && echo compressed
mkdir x && tar c -C /usr/share/perl5 . | tar x -C x && diff -r /usr/share/perl5 x && echo tree
rsync -a x/ y/ && diff -r x y && echo rsync
echo '{"a":[1,2,{"b":3}]}' | jq -c '.a[2]'; echo 'scale=20; 4*a(1)' | bc -l; openssl dgst -sha256 </etc/hostname
find /usr/share/doc/bash -type f | sort | head -2; file -b /bin/bash | cut -c1-10
echo one >f; ln f g; ln -s f s; mv f h; cat g s 2>&1; exec 5>k; rm k; echo gone >&5; cat /proc/self/fd/5
truncate -s 100000 sparse; stat -c %s sparse; dd if=/dev/zero of=big bs=1 count=1 seek=3000000 conv=notrunc status=none; stat -c %s big
chmod 4755 h; chown 12:34 h; touch -d '2001-02-03 04:05:06' h; stat -c '%A %u %g %y' h
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
export GIT_AUTHOR_DATE='2001-01-01T00:00:00Z' GIT_COMMITTER_DATE='2001-01-01T00:00:00Z'
git -c init.defaultBranch=main init -q r && cd r && cp -r ../x/. . && git add . && git commit -qm first
echo more >more && git add more && git commit -qm second && git log --format='%h %s' && cd ..
git clone -q r c && cd c && git fsck && git log --oneline | wc -l && diff -r -x .git . ../r && echo clone
cd ..; sqlite3 t.db 'create table t(a integer primary key, b); create index i on t(b);'
sqlite3 t.db "begin; with recursive c(x) as (select 1 union all select x+1 from c where x<20000)
    insert into t(b) select 'r'||x from c; commit; select count(*) from t; pragma integrity_check;"
sqlite3 t.db 'pragma journal_mode=wal'
for j in 1 2 3; do
    (for i in 1 2 3 4; do sqlite3 -cmd '.timeout 20000' t.db "insert into t(b) values('p')"; done) &
done
wait; sqlite3 t.db "select count(*) from t where b = 'p'"
cd /root; rm -rf t
