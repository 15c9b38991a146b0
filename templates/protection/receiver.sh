#!/bin/sh
# What the service of `invctl db protect` runs, in the database's own image and with PostgreSQL's own programs.
#   receive   streams the WAL into wal/, takes a base backup when one is due, and removes what is too old
#   base      takes a base backup now, and prints its name
# invctl writes this file: an edit is lost with the next `invctl db protect on`.
set -u
umask 077

place=${PLACE:-/protection}
slot=invctl
beat_seconds=${BEAT_SECONDS:-2}
keep_house_beats=15
# Bases that one restore is made of, at most.
longest_chain=7
export PGPASSFILE="$place/.pgpass" PGCONNECT_TIMEOUT=10 PGAPPNAME=invctl_protect
mkdir -p "$place/state" "$place/wal" "$place/bases"

# macOS has these under other names, or not: its engine starts one receiver alone.
command -v flock >/dev/null || flock() { :; }
command -v sha256sum >/dev/null || sha256sum() { shasum -a 256 "$@"; }

# --- asking the server -------------------------------------------------------------------------------------------

# One line an answer, columns between bars.
ask() {
  psql 'dbname=postgres replication=true' --no-psqlrc --no-password -At "$@" 2>"$place/state/error.txt"
}

# Whether the first LSN is at least the second.
reaches() {
  [ -n "$1" ] && [ -n "$2" ] || return 1
  high=$((0x${1%/*} - 0x${2%/*}))
  [ $high -gt 0 ] || { [ $high -eq 0 ] && [ $((0x${1#*/})) -ge $((0x${2#*/})) ]; }
}

# --- what it says of itself --------------------------------------------------------------------------------------

covered=0
# Looks at the clock of the machine: $at in seconds since 1970, and $now, which never goes back: where the clock is set
# back, what was written since counts for the latest second that there was.
clock() {
  at=$(date +%s)
  now=$at
  [ -f "$place/state/now" ] || return 0
  while IFS='=' read -r name value; do
    [ "$name" != covered ] || [ "$now" -ge "${value:-0}" ] || now=$value
  done <"$place/state/now"
}

# receiving, waiting, refused, at the last look at the clock. On a full disk it goes into the blocks that the last one
# has.
note() {
  text="state=$1
at=$at
covered=$covered
lsn=${flushed:-}
timeline=${timeline:-}
run=${run:-}
every=$EVERY
keep=$KEEP
message=${2:-}"
  { printf '%s\n' "$text" >"$place/state/now.tmp" && mv "$place/state/now.tmp" "$place/state/now"; } 2>/dev/null ||
    printf '%s\n%512s\n' "$text" '' 1<>"$place/state/now"
}

# A container holds on to the disk that it was started with: started again, it gets the one that is there by then.
# Without a container a path leads there, and nothing would start it again.
await_disk() {
  until true 2>/dev/null >>"$place/state/receiver.lock"; do
    echo "$place cannot be written to" >&2
    [ -z "${receiver:-}" ] || kill "$receiver" 2>/dev/null
    pause 10
    [ -n "${PLACE:-}" ] || exit 1
  done
}

# The first error of a program, which later ones follow from; else the last that it said.
last_error() {
  { grep -m 1 -E 'error:|FATAL:' "$1" || tail -n 1 "$1"; } 2>/dev/null | tr -d '\r'
}

# --- base backups ------------------------------------------------------------------------------------------------

# The newest of those whose mark can be read: $newest, and $newest_ended in seconds since 1970. It starts no program: it
# is looked for in each beat.
find_newest_base() {
  ids=
  # In the order of time, as names are sorted.
  for folder in "$place"/bases/[0-9]*T[0-9]*Z; do ids="${folder##*/} $ids"; done
  for newest in $ids; do
    [ -f "$place/bases/$newest/base.json" ] || continue
    mark=
    read -r mark <"$place/bases/$newest/base.json"
    case $mark in
      *'"endedAt":'[0-9]*)
        newest_ended=${mark##*'"endedAt":'}
        newest_ended=${newest_ended%%[!0-9]*}
        return
        ;;
    esac
  done
  newest=
}

parent_of() {
  sed -n 's/.*"parent":"\([0-9TZ]*\)".*/\1/p' "$place/bases/$1/base.json" 2>/dev/null
}

# Bases that one is made of, itself among them; 0: one of them is missing.
chain_length() {
  length=0
  at=$1
  while [ -n "$at" ]; do
    [ -f "$place/bases/$at/base.json" ] || { echo 0; return; }
    length=$((length + 1))
    at=$(parent_of "$at")
  done
  echo "$length"
}

# The base that the next one may hold the changes to alone: of the same run, where the server keeps summaries of its WAL
# (17 and later). Without a container, what restores it may not have the program that it needs.
choose_parent() {
  [ -z "${COMPRESSIONS:-}" ] || return 0
  command -v pg_combinebackup >/dev/null || return 0
  # A server before 17 would log an error for each base.
  version=$(ask -c 'SHOW server_version_num')
  [ "${version:-0}" -ge 170000 ] && [ "$(ask -c 'SHOW summarize_wal')" = on ] || return 0
  find_newest_base
  [ -n "$newest" ] && [ -f "$place/bases/$newest/backup_manifest" ] || return 0
  [ "$(sed -n 's/^run=//p' "$place/state/now")" = "$(sed -n 's/.*"run":"\([^"]*\)".*/\1/p' "$place/bases/$newest/base.json")" ] ||
    return 0
  length=$(chain_length "$newest")
  [ "$length" -gt 0 ] && [ "$length" -lt $longest_chain ] && echo "$newest"
}

# GNU's and BusyBox's date, or that of a BSD.
name_of() {
  date -u -d "@$1" +%Y%m%dT%H%M%SZ 2>/dev/null || date -u -r "$1" +%Y%m%dT%H%M%SZ
}

stop_base() {
  kill "$copying" 2>/dev/null
  wait "$copying"
  rm -rf "$partial"
  exit 1
}

# Whoever calls it holds the lock of bases.
take_base() {
  rm -rf "$place"/bases/*.partial
  clock
  started=$now
  while id=$(name_of "$started") && [ -e "$place/bases/$id" ]; do started=$((started + 1)); done
  partial="$place/bases/$id.partial"
  parent=$(choose_parent)
  made=1
  for kind in ${parent:+incremental} full; do
    [ $kind = incremental ] || parent=
    for method in ${COMPRESSIONS:-zstd gzip}; do
      pg_basebackup --no-password --pgdata="$partial" --format=tar --wal-method=none --checkpoint=fast \
        --compress="client-$method:1" --label="invctl $id" ${parent:+"--incremental=$place/bases/$parent/backup_manifest"} \
        2>"$place/state/base.txt" &
      copying=$!
      trap stop_base TERM INT
      wait "$copying" && made=0 && break 2
      rm -rf "$partial"
      # A server or a client without zstd refuses it.
      grep -q zstd "$place/state/base.txt" || break
    done
  done
  if [ $made -eq 0 ]; then
    clock
    ended=$now
    [ "$ended" -ge "$started" ] || ended=$started
    range=$(sed -n 's/.*"Timeline": \([0-9]*\), "Start-LSN": "\([0-9A-F/]*\)", "End-LSN": "\([0-9A-F/]*\)".*/"timeline":\1,"startLsn":"\2","endLsn":"\3"/p' \
      "$partial/backup_manifest" | tail -n 1)
    (cd "$partial" && sha256sum -- * >SHA256SUMS) &&
      [ -n "$range" ] &&
      printf '{"id":"%s","startedAt":%s,"endedAt":%s,%s,"run":"%s"%s}\n' "$id" "$started" "$ended" "$range" \
        "$(sed -n 's/^run=//p' "$place/state/now")" "${parent:+,\"parent\":\"$parent\"}" >"$partial/base.json" &&
      sync && mv "$partial" "$place/bases/$id" && sync && made=0 || made=1
  fi
  if [ $made -ne 0 ]; then
    rm -rf "$partial"
    last_error "$place/state/base.txt" >"$place/state/base-failed"
    return 1
  fi
  rm -f "$place/state/base-wanted" "$place/state/base-failed"
  printf '%s\n' "$id"
}

base_is_due() {
  # After a failure it waits a minute.
  [ ! -e "$place/state/base-failed" ] || [ -z "$(find "$place/state/base-failed" -mmin -1 2>/dev/null)" ] || return 1
  [ -e "$place/state/base-wanted" ] && return 0
  find_newest_base
  [ -z "$newest" ] || [ $((now - newest_ended)) -ge "$EVERY" ]
}

# --- keeping house -----------------------------------------------------------------------------------------------

# A hash of each whole segment: a WAL record has a checksum, and ends recovery without a word where it is wrong.
# It ends by a look that finds none: SHA256SUMS is newer than its folder only where no segment came in since that look.
add_sums() {
  cd "$1" || return
  while touch SHA256SUMS; do
    ls | grep -E '^[0-9A-F]{24}$' | sort >"$place/state/whole.txt"
    cut -c 67- SHA256SUMS | sort >"$place/state/summed.txt"
    segments=$(comm -23 "$place/state/whole.txt" "$place/state/summed.txt")
    [ -n "$segments" ] || break
    for segment in $segments; do
      sha256sum "$segment" >>SHA256SUMS || break 2
    done
  done
  cd "$place" || return
}

# When the server last went over to another timeline: a restore, or the undoing of one.
last_switch() {
  awk '{ timeline = substr($2, 1, 8) } timeline != last { at = $1; last = timeline } END { print at }' \
    "$place/state/runs"
}

# src/backup/protection/retention.ts has the same rule: the newest base of the live timeline that is older than what is
# to be kept, and all after it, stay, with those that they are made of. What a restore left behind stays until the
# restore itself is so old.
remove_old() {
  keep_from=$(($(date +%s) - KEEP))
  switched=$(last_switch)
  [ "${switched:-$keep_from}" -lt "$keep_from" ] || return 0
  # One program reads all of them: they may be many.
  marks=$(sed -n 's/^{"id":"\([0-9]*T[0-9]*Z\)".*"endedAt":\([0-9]*\),"timeline":\([0-9]*\),"startLsn":"\([0-9A-F/]*\)"\(.*\)/\1 \2 \3 \4 \5/p' \
    "$place"/bases/*Z/base.json 2>/dev/null | sort -r)
  anchor=
  lowest=
  parents=
  while read -r id ended of lsn more && [ -n "$id" ]; do
    case $more in
      *'"parent":"'*) parent=${more##*'"parent":"'} parent=${parent%%'"'*} ;;
      *) parent= ;;
    esac
    case " $parents " in *" $id "*) parents="$parents $parent"; [ -z "$anchor" ] || continue ;; esac
    if [ -n "$anchor" ]; then
      rm -f "$place/bases/$id/base.json" && rm -rf "$place/bases/$id"
      continue
    fi
    parents="$parents $parent"
    if [ -z "$lowest" ] || reaches "$lowest" "$lsn"; then lowest=$lsn; fi
    [ "$of" = "$timeline" ] && [ "$ended" -le "$keep_from" ] && anchor=$id
  done <<END
$marks
END
  [ -n "$anchor" ] || return 0
  segment=$(printf '%08X%08X' $((0x${lowest%/*})) $((0x${lowest#*/} / segment_bytes)))
  find "$place/wal" -type f |
    awk -v first="$segment" '{ name = $0; sub(/.*\//, "", name) } length(name) >= 24 && substr(name, 9, 16) < first' |
    while IFS= read -r file; do rm -f "$file"; done
}

# What was received from a server before an upgrade goes as a whole, when its last moment is older than what is to be
# kept.
remove_earlier() {
  for record in "$place"/earlier/*/protection.json; do
    [ -f "$record" ] || continue
    ended=$(sed -n 's/^covered=//p' "${record%/*}/state/now" 2>/dev/null)
    [ "${ended:-0}" -gt 0 ] || ended=$(sed -n 's/^at=//p' "${record%/*}/state/now" 2>/dev/null)
    [ "${ended:-0}" -gt 0 ] && [ "$ended" -lt $(($(date +%s) - KEEP)) ] || continue
    rm -f "$record" && rm -rf "${record%/*}"
  done
}

# The place may lie on the disk of the data, which has to go on: this much of it, in kilobytes, is never taken.
disk_is_nearly_full() {
  { read -r _; read -r _ size _ free _; } <<END
$(df -Pk "$place")
END
  case $size$free in '' | *[!0-9]*) return 1 ;; esac
  reserve=$((size / 20))
  [ $reserve -le 1048576 ] || reserve=1048576
  [ $reserve -ge $((3 * segment_bytes / 1024)) ] || reserve=$((3 * segment_bytes / 1024))
  left="$((free / 1024)) MB left, and $((reserve / 1024)) MB are kept free"
  [ "$free" -lt $reserve ]
}

# all: looks into every run, as after a receiver that was killed.
keep_house() {
  # Also of runs that ended before their last segment had its own.
  for folder in "$place"/wal/*; do
    [ "${1:-}" != all ] && [ "$folder/SHA256SUMS" -nt "$folder" ] || add_sums "$folder"
  done
  remove_old
  remove_earlier
}

# --- receiving ---------------------------------------------------------------------------------------------------

# Whether the server has dropped WAL that it kept for us: it keeps max_slot_wal_keep_size at most. Who may not ask it
# goes by what it says.
slot_is_lost() {
  status=$(psql dbname=postgres --no-psqlrc --no-password -At 2>/dev/null \
    -c "SELECT wal_status FROM pg_replication_slots WHERE slot_name = '$slot'")
  [ "$status" = lost ] || grep -q 'has already been removed' "$place/state/receiver.txt" 2>/dev/null
}

# A run is a stretch of WAL that one slot gave without a gap: wal/<timeline>-<number>.
choose_run() {
  wanted=$(printf '%08X' "$timeline")
  run=$(ls "$place/wal" | grep -E "^$wanted-[0-9]{4}$" | tail -n 1)
  [ -z "$run" ] && number=1 || number=$((1${run#*-} - 10000))
  found=$(ask -c "READ_REPLICATION_SLOT $slot") || return 1
  case $found in
    physical*)
      if slot_is_lost; then
        ask -q -c "DROP_REPLICATION_SLOT $slot" || return 1
        rm -f "$place/state/receiver.txt"
        found=
      fi
      ;;
    *) found= ;;
  esac
  [ -z "$found" ] || [ -z "$run" ] || return 0
  [ -n "$found" ] || ask -q -c "CREATE_REPLICATION_SLOT $slot PHYSICAL RESERVE_WAL" >/dev/null || return 1
  [ -z "$run" ] || number=$((number + 1))
  run=$(printf '%s-%04d' "$wanted" "$number")
  mkdir -p "$place/wal/$run" && : >"$place/state/base-wanted"
}

beat() {
  clock
  answers=$(ask -c IDENTIFY_SYSTEM -c "READ_REPLICATION_SLOT $slot") || return
  { IFS='|' read -r _ _ end _; IFS='|' read -r kind flushed _; } <<END
$answers
END
  [ "$kind" = physical ] || flushed=
  # All that the server had at the last beat is here.
  if reaches "$flushed" "${server_lsn:-}"; then covered=$server_at; fi
  server_lsn=$end
  server_at=$now
  # It was asked for its end first: all that it had at this beat is here, too.
  if reaches "$flushed" "$server_lsn"; then covered=$now; fi
  note receiving
}

pause() {
  sleep "$1" &
  wait $!
}

stop() {
  [ -z "${receiver:-}" ] || kill "$receiver" 2>/dev/null
  [ -z "${base:-}" ] || kill "$base" 2>/dev/null
  wait
  clock
  note waiting 'the receiver was stopped'
  exit 0
}

receive() {
  trap stop TERM INT
  await_disk
  exec 9>"$place/state/receiver.lock"
  if ! flock -n 9; then
    echo "another receiver writes into $place" >&2
    pause 10
    exit 1
  fi
  # What a receiver before this one knew.
  covered=$(sed -n 's/^covered=//p' "$place/state/now" 2>/dev/null)
  covered=${covered:-0}
  while :; do
    await_disk
    clock
    if ! identity=$(ask -c IDENTIFY_SYSTEM) || [ -z "$identity" ]; then
      note waiting "$(last_error "$place/state/error.txt")"
      pause 1
      continue
    fi
    IFS='|' read -r system timeline server_lsn _ <<END
$identity
END
    clock
    server_at=$now
    # What is here of another timeline tells nothing of this one.
    flushed=
    { read -r ours; read -r segment_bytes; } <"$place/system"
    if [ "$system" != "$ours" ]; then
      note refused "this place is for the server $ours, and the database is $system: invctl db protect on"
      # The receiver of that server may write here, as where an environment has the compose file of another one.
      flock -u 9
      pause 5
      flock -n 9 || { echo "another receiver writes into $place" >&2; exit 1; }
      continue
    fi
    if disk_is_nearly_full; then
      note waiting "the disk is full: $left"
      pause 2
      continue
    fi
    if ! choose_run; then
      note waiting "$(last_error "$place/state/error.txt")"
      pause 1
      continue
    fi
    [ "$(tail -n 1 "$place/state/runs" 2>/dev/null | cut -d ' ' -f 2)" = "$run" ] ||
      echo "$server_at $run" >>"$place/state/runs"
    # Behind a switched segment nothing is flushed that it would report at once.
    pg_receivewal --no-password --no-loop --synchronous --status-interval=1 --slot="$slot" \
      --directory="$place/wal/$run" 2>"$place/state/receiver.txt" 9>&- &
    receiver=$!
    beats=0
    while kill -0 $receiver 2>/dev/null; do
      await_disk
      beat
      if disk_is_nearly_full; then
        if [ -n "${base:-}" ] && kill "$base" 2>/dev/null; then
          echo "the disk is full: $left" >"$place/state/base-failed"
        fi
        kill $receiver
        break
      fi
      if [ -n "${base:-}" ] && ! kill -0 "$base" 2>/dev/null; then base=; fi
      if [ -z "${base:-}" ] && base_is_due; then
        sh "$0" base >/dev/null 2>&1 9>&- &
        base=$!
      fi
      # A segment that is whole is renamed.
      [ "$place/wal/$run/SHA256SUMS" -nt "$place/wal/$run" ] || add_sums "$place/wal/$run"
      if [ $beats -eq 0 ]; then keep_house all; elif [ $((beats % keep_house_beats)) -eq 0 ]; then keep_house; fi
      beats=$((beats + 1))
      pause $beat_seconds
    done
    wait $receiver
    receiver=
    clock
    disk_is_nearly_full || note waiting "$(last_error "$place/state/receiver.txt")"
    pause 1
  done
}

case ${1:-} in
  receive) receive ;;
  base)
    exec 8>"$place/state/base.lock"
    flock 8
    take_base || { last_error "$place/state/base.txt" >&2; exit 1; }
    ;;
  *) echo "usage: $0 receive|base" >&2; exit 2 ;;
esac
