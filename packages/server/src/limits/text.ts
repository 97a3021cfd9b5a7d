/** Numbers as people write them. */

import type { Rate } from './bucket.ts';

const UNITS: readonly (readonly [ms: number, name: string])[] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1000, 's'],
];

const SIZES: readonly (readonly [bytes: number, name: string])[] = [
  [1 << 30, 'GiB'],
  [1 << 20, 'MiB'],
  [1 << 10, 'KiB'],
];

/** `20 ms`, `30 s`, `5 min`: in the unit that leaves no rest up to two hours, or else rounded up in the largest that fits. */
export function durationText(ms: number): string {
  const exact = UNITS.find(([unit]) => ms >= unit && ms % unit === 0);
  const [unit, name] =
    ms < 7_200_000 && exact !== undefined ? exact : (UNITS.find(([each]) => ms >= each) ?? [1, 'ms']);
  return `${numberText(Math.ceil(ms / unit))} ${name}`;
}

/** `1,000/min`; `10 in 5 s` where the period is no unit. */
export function rateText({ count, periodMs }: Rate): string {
  const unit = UNITS.find(([ms]) => ms === periodMs);
  return `${numberText(count)}${unit === undefined ? ` in ${durationText(periodMs)}` : `/${unit[1]}`}`;
}

/** `1,204` */
export function numberText(number: number): string {
  return number.toLocaleString('en');
}

/** `4 MiB`, `16 KiB`; in bytes what is no whole number of them. */
export function sizeText(bytes: number): string {
  const [unit, name] = SIZES.find(([each]) => bytes >= each && bytes % each === 0) ?? [1, 'B'];
  return `${numberText(bytes / unit)} ${name}`;
}
