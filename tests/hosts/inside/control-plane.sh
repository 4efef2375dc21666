#!/bin/sh
# Process 1 of a light control plane: a root folder that is the installed one, addresses, and nothing else.
# control-plane.sh INSTALLED STATE PROGRAMS ADDRESS...
# INSTALLED: the root folder a bundle was installed into. STATE: a folder with hosts, upper/, work/ and root/; what the
# programs write, such as etcd's data, goes to upper/. PROGRAMS: a folder of links to static programs.
set -eu
installed=$1 state=$2 programs=$3
shift 3
# /proc is still the machine's, so this is the number by which the machine knows this shell.
read -r pid _ </proc/self/stat
echo "$pid"

ip link set lo up
for address in "$@"; do
  ip address add "$address" dev lo
done

root=$state/root
mount -t overlay -o "lowerdir=$installed,upperdir=$state/upper,workdir=$state/work" overlay "$root"
mkdir -p "$root/bin" "$root/dev" "$root/proc" "$root/tmp" "$root/root" "$root/etc/ssl/certs" "$root/var/log"
for program in "$programs"/*; do
  : >"$root/bin/${program##*/}"
  mount --bind "$(readlink "$program")" "$root/bin/${program##*/}"
done
# Itself, not what it was: a suite may install again.
mount --bind "$installed/etc/kubernetes" "$root/etc/kubernetes"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
cp "$state/hosts" "$root/etc/hosts"
: >"$root/etc/resolv.conf"
echo ready

# Until the process that started this is gone. Then this namespace's processes go, too.
while read -r _; do :; done
