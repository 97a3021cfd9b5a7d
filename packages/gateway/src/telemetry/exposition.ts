/**
 * The Prometheus text format 0.0.4: families with HELP and TYPE once each, labels escaped, numbers as Go reads them, buckets
 * of histograms cumulative. It holds no numbers; it writes those that it is given.
 */

import type { Family } from './families.ts';

export const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

/** What a histogram counted: `counts[i]` values up to `bounds[i]` and above the bound before; one more count for the rest. */
export interface HistogramSample {
  readonly labels: Labels;
  readonly bounds: readonly number[];
  readonly counts: ArrayLike<number>;
  readonly sum: number;
}

/** A counter or gauge. Samples of the same labels are added up: a series stands once. Empty without a sample. */
export function familyText(name: string, family: Family, samples: Iterable<Sample>): string {
  const series = new Map<string, number>();
  for (const { labels, value } of samples) {
    const key = labelText(family, labels);
    series.set(key, (series.get(key) ?? 0) + value);
  }
  if (series.size === 0) return '';
  const lines = [...series].map(([labels, value]) => `${name}${labels} ${numberText(value)}\n`);
  return head(name, family) + lines.join('');
}

/** A histogram. Empty without a sample. */
export function histogramText(name: string, family: Family, samples: Iterable<HistogramSample>): string {
  const series = [...samples].map((sample) => histogramSeries(name, family, sample));
  return series.length === 0 ? '' : head(name, family) + series.join('');
}

function histogramSeries(name: string, family: Family, { labels, bounds, counts, sum }: HistogramSample): string {
  const own = labelText(family, labels);
  const before = own === '' ? '{' : `${own.slice(0, -1)},`;
  let text = '';
  let count = 0;
  for (let index = 0; index <= bounds.length; index++) {
    count += counts[index] ?? 0;
    text += `${name}_bucket${before}le="${numberText(bounds[index] ?? Infinity)}"} ${numberText(count)}\n`;
  }
  return `${text}${name}_sum${own} ${numberText(sum)}\n${name}_count${own} ${numberText(count)}\n`;
}

function head(name: string, { help, type }: Family): string {
  return `# HELP ${name} ${help.replaceAll('\\', String.raw`\\`).replaceAll('\n', String.raw`\n`)}\n# TYPE ${name} ${type}\n`;
}

/** In the order of the family, so that the same labels are the same text; a label that is not given is empty, as if absent. */
function labelText({ labels: names }: Family, labels: Labels): string {
  if (names.length === 0) return '';
  return `{${names.map((name) => `${name}="${escaped(labels[name] ?? '')}"`).join(',')}}`;
}

function escaped(value: string): string {
  return value
    .replaceAll('\\', String.raw`\\`)
    .replaceAll('"', String.raw`\"`)
    .replaceAll('\n', String.raw`\n`);
}

function numberText(value: number): string {
  if (value === Infinity) return '+Inf';
  return value === -Infinity ? '-Inf' : String(value);
}
