/* proc.mjs: CPU time and memory of processes, from /proc. */
import { readFileSync } from 'node:fs';

const MICROSECONDS_PER_TICK = 10000; /* USER_HZ is 100 on every Linux that node runs on */

function stat(pid) {
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return text.slice(text.lastIndexOf(')') + 2).split(' ').map(Number);
}

export function children(pid) {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim().split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

function ownTicks(pid) {
  try {
    const fields = stat(pid);
    return fields[11] + fields[12];
  } catch {
    return 0;
  }
}

/*
 * A process, its living descendants, and those that it has waited for, in microseconds. A child that is reaped while this reads would be missed,
 * or counted twice; so it reads until the parent's account of the dead stood still.
 */
export function treeCpu(pid) {
  for (;;) {
    const before = stat(pid);
    let ticks = before[11] + before[12] + before[13] + before[14];
    const living = children(pid);
    for (const child of living) ticks += ownTicks(child) + children(child).reduce((sum, c) => sum + ownTicks(c), 0);
    const after = stat(pid);
    if (before[13] + before[14] === after[13] + after[14] && children(pid).join() === living.join()) return ticks * MICROSECONDS_PER_TICK;
  }
}

/* KiB of one line of a /proc file such as status or smaps_rollup; lines of the same name are added. */
export function kib(pid, file, ...names) {
  let sum = 0;
  for (const line of readFileSync(`/proc/${pid}/${file}`, 'latin1').split('\n')) {
    const [name, value] = line.split(/:?\s+/);
    if (names.includes(name)) sum += Number(value);
  }
  return sum;
}
