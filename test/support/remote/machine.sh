#!/usr/bin/env bash
# machine.sh up FOLDER NUMBER PUBLIC_KEY | down FOLDER NUMBER
#
# Another machine on this one, for tests: a network namespace at 10.214.NUMBER.2, a mount namespace whose /tmp, /root,
# /home and /run are empty, a Docker Engine and an sshd of its own. What is shared by mistake would hide mistakes.
# Needs root, iproute2, util-linux, openssh-server and dockerd.
set -euo pipefail
act=$1 base=$2 number=$3
name=invctlm$number host=10.214.$number.1 guest=10.214.$number.2

case $act in
up)
  mkdir -p "$base"/{data,exec,etc,sshd}
  ssh-keygen -q -t ed25519 -N '' -f "$base/etc/hostkey"
  printf '%s\n' "$4" >"$base/etc/authorized_keys"
  # A user who is not in the group of the engine's socket.
  { cat /etc/passwd; echo 'ann:*:23456:23456::/home/ann:/bin/sh'; } >"$base/etc/passwd"
  cat >"$base/etc/sshd_config" <<CONFIG
ListenAddress $guest
Port 22
HostKey /run/machine/etc/hostkey
AuthorizedKeysFile /run/machine/etc/authorized_keys
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxSessions 100
MaxStartups 100:30:200
CONFIG
  cat >"$base/start.sh" <<START
set -e
mkdir -p /run/machine-base && mount --bind $base /run/machine-base
exec 3</run/machine-base
mount -t tmpfs tmpfs /run
mkdir -p /run/machine /run/sshd /run/lock && chmod 755 /run/sshd
mount --bind /proc/self/fd/3 /run/machine
[ -L /var/run ] || mount --bind /run /var/run
for folder in /tmp /root /home /etc/docker /var/lib/invctl; do [ -d \$folder ] && mount -t tmpfs tmpfs \$folder; done
chmod 1777 /tmp; chmod 700 /root
mkdir -p /home/ann && chown 23456:23456 /home/ann
mount --bind /run/machine/etc/passwd /etc/passwd
hostname $name
/usr/sbin/dockerd --data-root /run/machine/data --exec-root /run/machine/exec --pidfile /run/docker.pid \
  -H unix:///var/run/docker.sock --cgroup-parent=/$name --storage-driver=overlay2 >/run/machine/dockerd.log 2>&1 3<&- &
echo \$! >/run/machine/dockerd.pid
/usr/sbin/sshd -D -f /run/machine/etc/sshd_config -E /run/machine/sshd.log 3<&- &
echo \$! >/run/machine/sshd.pid
wait
START
  ip netns add "$name"
  ip link add "v$name" type veth peer name eth0 netns "$name"
  ip addr add "$host/30" dev "v$name"
  ip link set "v$name" up
  ip -n "$name" addr add "$guest/30" dev eth0
  ip -n "$name" link set eth0 up
  ip -n "$name" link set lo up
  setsid nsenter --net="/run/netns/$name" unshare --mount --uts --propagation private \
    bash "$base/start.sh" >"$base/start.log" 2>&1 </dev/null &
  echo $! >"$base/pid"
  for _ in $(seq 120); do
    grep -q 'API listen' "$base/dockerd.log" 2>/dev/null && ssh-keyscan -T 1 "$guest" 2>/dev/null | grep -q . &&
      { echo "$guest"; exit 0; }
    kill -0 "$(cat "$base/pid")" 2>/dev/null || break
    sleep 0.25
  done
  tail -n 20 "$base/start.log" "$base/dockerd.log" >&2 || true
  exit 1
  ;;
down)
  for one in sshd dockerd; do [ -f "$base/$one.pid" ] && kill "$(cat "$base/$one.pid")" 2>/dev/null || true; done
  for _ in $(seq 100); do kill -0 "$(cat "$base/pid" 2>/dev/null)" 2>/dev/null || break; sleep 0.1; done
  # Shims of containers, sessions of sshd: whatever is left in the namespace.
  ip netns pids "$name" 2>/dev/null | xargs -r kill -9 2>/dev/null || true
  ip link del "v$name" 2>/dev/null || true
  ip netns del "$name" 2>/dev/null || true
  for _ in $(seq 50); do rm -rf "$base" 2>/dev/null && break; sleep 0.1; done
  find /sys/fs/cgroup -depth -type d -path "*/$name*" -exec rmdir {} + 2>/dev/null || true
  ;;
esac
