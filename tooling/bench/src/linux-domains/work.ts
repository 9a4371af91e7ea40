/** Virtual seconds for which every domain computes at the same time. */
export const COMPUTING_SECONDS = 1.5;

/** Word on the command line of the domain that is to panic. */
export const DOOMED = "doomed";

/**
 * What every domain does, as a script on its disk: reads a file and checks it, writes one and reads it back, computes, makes
 * processes, sleeps; once all compute at the same time; then the doomed one panics. At the end it counts what was wrong, in files
 * and in the kernel's log, and powers off.
 */
export const workScript = (
  seconds: number,
  md5: string,
): string => `now() { read up rest < /proc/uptime; echo \${up%.*}; }
begin=$(now); round=0; wrong=0
while [ $(($(now) - begin)) -lt ${seconds} ]; do
  round=$((round + 1))
  echo 3 > /proc/sys/vm/drop_caches
  [ "$(md5sum < /mnt/data)" = "${md5}  -" ] || wrong=$((wrong + 1))
  dd if=/mnt/data of=/mnt/copy$((round % 4)) bs=64k 2>/dev/null; sync
  echo 3 > /proc/sys/vm/drop_caches
  [ "$(md5sum < /mnt/copy$((round % 4)))" = "${md5}  -" ] || wrong=$((wrong + 1))
  i=0; while [ $i -lt 500 ]; do i=$((i + 1)); done
  i=0; while [ $i -lt 5 ]; do /bin/busybox true || wrong=$((wrong + 1)); i=$((i + 1)); done
  if [ $round = 1 ]; then
    echo computing
    /bin/busybox timeout ${COMPUTING_SECONDS} sh -c 'while :; do :; done'
    echo computed
    grep -q ${DOOMED} /proc/cmdline && echo c > /proc/sysrq-trigger
  fi
  sleep 15
done
umount /mnt || wrong=$((wrong + 1))
dmesg | grep 'WARNING:\\|BUG:\\|Oops\\|lockup\\|detected stall' > /complaints; cat /complaints
echo "rounds $round wrong $wrong complaints $(wc -l < /complaints)"
poweroff -f
`;
