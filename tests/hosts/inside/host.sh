#!/bin/sh
# Process 1 of a host: builds its root folder, starts what is enabled, and stays.
# host.sh FOLDER LOWER NAME
# FOLDER: the host's own folder, with upper/, work/, var/, root/ and etc/. LOWER: the layers below, as overlayfs takes them.
set -eu
folder=$1 lower=$2 name=$3
# /proc is still the machine's, so this is the number by which the machine knows this shell.
read -r pid _ </proc/self/stat
echo "$pid"

hostname "$name"
root=$folder/root
mount -t overlay -o "lowerdir=$lower,upperdir=$folder/upper,workdir=$folder/work" overlay "$root"
# containerd's snapshots are overlays themselves, which overlayfs does not carry.
mount --bind "$folder/var" "$root/var"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=755 run "$root/run"
mount -t tmpfs tmp "$root/tmp"
# The second folder says that systemd runs (sd_booted(3)): what the stand-in answers is to be believed.
mkdir -p "$root/run/lock" "$root/run/systemd/system"

# The namespace's root is the host's group, so mounting a hierarchy here shows that group and what is below.
mount -t tmpfs -o mode=755 cgroup "$root/sys/fs/cgroup"
for hierarchy in /sys/fs/cgroup/*/; do
  [ -f "$hierarchy/tasks" ] || continue
  controller=$(basename "$hierarchy")
  mkdir "$root/sys/fs/cgroup/$controller"
  case $controller in
    systemd) options=none,name=systemd ;;
    *) options=$controller ;;
  esac
  mount -t cgroup -o "$options" cgroup "$root/sys/fs/cgroup/$controller"
done

# The kubelet sets these for the whole machine; here it sets copies.
mkdir -p "$root/run/sysctl"
for key in vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys \
  kernel/keys/root_maxbytes; do
  [ -f "/proc/sys/$key" ] || continue
  copy=$root/run/sysctl/$(echo "$key" | tr / .)
  cat "/proc/sys/$key" >"$copy"
  mount --bind "$copy" "$root/proc/sys/$key"
done
echo 1 >"$root/proc/sys/net/ipv4/ip_forward"
echo 1 >"$root/proc/sys/net/ipv6/conf/all/forwarding"

for file in hostname hosts machine-id resolv.conf; do
  cp "$folder/etc/$file" "$root/etc/$file"
done

cd "$root"
mkdir -p run/machine
pivot_root . run/machine
mount --make-rslave /run/machine
umount -l /run/machine
rmdir /run/machine
# Volumes that a container mounts become visible to others.
mount --make-rshared /
exec </dev/null

systemctl start containerd
tries=0
# Without its interface for the kubelet, containerd answers `ctr` all the same.
until ctr version >/dev/null 2>&1 && crictl version >/dev/null 2>&1; do
  tries=$((tries + 1))
  if [ "$tries" -gt 300 ]; then
    tail -n 20 /var/log/containerd.log >&2
    echo "containerd does not answer, or not the kubelet" >&2
    exit 1
  fi
  sleep 0.1
done
if systemctl --quiet is-enabled kubelet >/dev/null 2>&1; then
  systemctl start kubelet
fi
echo ready

# Waiting is what reaps the orphans that process 1 inherits.
while :; do
  sleep 3600 &
  wait $! || :
done
