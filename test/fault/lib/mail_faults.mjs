/*
 * mail_faults.mjs: which fault of the mail sink a mail meets, by its sender. share and always are as in peer.mjs.
 */
import { createHash } from 'node:crypto';
import { generator } from './random.mjs';

export const mailFaults = {
  mail_from_450: { share: 3 },
  mail_from_550: { share: 1, always: true },
  rcpt_450: { share: 3 },
  rcpt_550: { share: 1, always: true },
  data_451: { share: 3 },
  data_554: { share: 1, always: true },
  drop_before_data: { share: 4 },
  drop_in_data: { share: 4 },
  drop_after_data: { share: 4 },
};

// {mode, times} of a sender, or null for most of them.
export function seededMailFaults(seed, share = 0.5) {
  const lots = Object.entries(mailFaults).flatMap(([name, row]) => Array(row.share).fill(name));
  return (sender) => {
    const random = generator(createHash('sha256').update(`mail ${seed} ${sender}`).digest().readUInt32LE());
    if (random.next() >= share) return null;
    const mode = lots[random.below(lots.length)];
    return { mode, times: mailFaults[mode].always ? Infinity : 1 + random.below(2) };
  };
}
