# SPDX-License-Identifier: MIT
# Runs in the machine: guest.sh NAME sources the test of a port, in the port's source directory.
name=$1
PATH=/host/root/usr/bin:/host/root/bin:$PATH
HOME=/tmp TERM=vt100 LC_ALL=C TMPDIR=/tmp
export PATH HOME TERM LC_ALL TMPDIR
[ -e /usr/share ] || ln -s /host/root/usr/share /usr/share
[ -e /bin/bash ] || ln -s /host/root/usr/bin/bash /bin/bash
[ -e /usr/lib ] || ln -s /host/root/usr/lib /usr/lib
count=0
version='' programs=''
shell=/host/root/usr/bin/bash
[ -x $shell ] || shell=/host/root/usr/bin/dash

# ok NAME COMMAND...: the command succeeds.
ok()
{
    what=$1
    shift
    count=$((count + 1))
    if "$@" >/tmp/out 2>&1; then
        echo "ok $count $what"
    else
        echo "not ok $count $what"
        sed 's/^/# /' /tmp/out | head -n 20
    fi
}

# same NAME TEXT COMMAND...: the command succeeds and prints exactly this.
same()
{
    what=$1
    expected=$2
    shift 2
    count=$((count + 1))
    if printed=$("$@" 2>&1) && [ "$printed" = "$expected" ]; then
        echo "ok $count $what"
    else
        echo "not ok $count $what"
        printf '%s\n' "$printed" | sed 's/^/# /' | head -n 20
    fi
}

# script NAME COMMAND...: a test that exits with 0, or with 77 for "does not apply here".
script()
{
    what=$1
    shift
    count=$((count + 1))
    status=0
    "$@" >/tmp/out 2>&1 </dev/null || status=$?
    case $status in
    0) echo "ok $count $what" ;;
    77) echo "ok $count $what # skip $(tail -n 1 /tmp/out)" ;;
    *)
        echo "not ok $count $what"
        sed 's/^/# /' /tmp/out | tail -n 12
        ;;
    esac
}

# gnulib NAME...: test scripts of GNU packages, in their directory; each makes a directory of its own, below /tmp: the share has
# no pipes with names.
gnulib()
{
    here=$PWD
    top=/host/$name/src
    mkdir -p /tmp/work && cd /tmp/work || exit
    for one in "$@"; do
        [ -f "$here/$one" ] || continue
        script "$one" gnulib_one "$here/$one"
    done
    cd "$here" || exit
}

gnulib_one()
{
    env srcdir="$here" top_srcdir="$top" abs_srcdir="$here" abs_top_srcdir="$top" abs_top_builddir="$top" \
        builddir=. top_builddir="$top" CONFIG_HEADER="$top/config.h" VERSION="$version" PACKAGE_VERSION="$version" \
        SHELL="$shell" LC_ALL=C MAKE=make AWK=awk PERL=false host_triplet=i686-pc-atomik built_programs="$programs" \
        PATH="$top/src:$top:$PATH" TMPDIR=/tmp "$shell" "$1" 9>&2
}

cd "/host/$name/src" || exit 125
. "/host/$name/test"
exit 0
