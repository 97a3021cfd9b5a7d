import { readFileSync } from 'node:fs';
import { ERRORS } from '@sallyport/wire';
import { assert, double, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { familyText, histogramText } from './exposition.ts';
import { FAMILIES } from './families.ts';
import { createMetrics, type EndedCall, type Metrics } from './metrics.ts';
import { addProcessSource } from './process-source.ts';

interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

interface Parsed {
  readonly help: string;
  readonly type: string;
  readonly series: Series[];
}

const HELP = /^# HELP ([a-zA-Z_:][\w:]*) ((?:[^\\]|\\[\\n])*)$/;
const TYPE = /^# TYPE (\S+) (counter|gauge|histogram)$/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\\n]|\\[\\"n])*)"(,|$)/y;
const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (-?\d+(?:\.\d+)?(?:e[+-]?\d+)?|[+-]Inf|NaN)$/s;
const ESCAPES: Readonly<Record<string, string>> = { '\\\\': '\\', '\\"': '"', '\\n': '\n' };

function labelsOf(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < text.length) {
    const at = LABEL.lastIndex;
    const found = LABEL.exec(text);
    if (found === null) throw new Error(`no label at ${text.slice(at)}`);
    const [, name = '', value = ''] = found;
    if (name in labels) throw new Error(`${name} twice in ${text}`);
    labels[name] = value.replaceAll(/\\[\\"n]/g, (escape) => ESCAPES[escape] ?? '');
  }
  return labels;
}

/** `family` is the one that the sample stands in. */
function seriesOf(line: string, family: string, type: string): Series {
  const found = SAMPLE.exec(line);
  if (found === null) throw new Error(`no sample: ${line}`);
  const [, name = '', labels = '', value = ''] = found;
  const suffixes = type === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
  if (!suffixes.some((suffix) => name === family + suffix)) throw new Error(`${name} in ${family}`);
  return { name, labels: labelsOf(labels), value: Number(value.replace('Inf', 'Infinity')) };
}

/** One family: its HELP, its TYPE, its samples. */
function familyOf(block: string): [string, Parsed] {
  const [helpLine = '', typeLine = '', ...samples] = block.split('\n').slice(0, -1);
  const [, name = '', help = ''] = HELP.exec(helpLine) ?? [];
  const [, typed, type = ''] = TYPE.exec(typeLine) ?? [];
  if (typed !== name) throw new Error(`no HELP with its TYPE: ${helpLine} ${typeLine}`);
  return [name, { help, type, series: samples.map((line) => seriesOf(line, name, type)) }];
}

/** Reads the text format 0.0.4 and takes nothing that is not in its grammar. */
function parse(text: string): Map<string, Parsed> {
  if (!text.endsWith('\n')) throw new Error('the last line has no end');
  const families = text.split(/(?<=\n)(?=# HELP )/).map(familyOf);
  const keys = families.flatMap(([name, { series }]) => [
    name,
    ...series.map((each) => JSON.stringify([each.name, each.labels])),
  ]);
  const twice = keys.filter((key, index) => keys.indexOf(key) !== index);
  if (twice.length > 0) throw new Error(`twice: ${twice.join(' ')}`);
  return new Map(families);
}

/** The invariants of a histogram: bounds ascend to +Inf, counts never fall, the last of them is the count. */
function checkHistogram({ series }: Parsed, name: string): void {
  const groups = Map.groupBy(series, ({ labels }) => JSON.stringify({ ...labels, le: '' }));
  for (const group of groups.values()) {
    const buckets = group.filter((each) => each.name === `${name}_bucket`);
    const bounds = buckets.map(({ labels }) => Number(labels['le']?.replace('+Inf', 'Infinity')));
    expect(bounds).toEqual(bounds.toSorted((a, b) => a - b));
    expect(new Set(bounds).size).toBe(bounds.length);
    expect(bounds.at(-1)).toBe(Infinity);
    const counts = buckets.map(({ value }) => value);
    expect(counts).toEqual(counts.toSorted((a, b) => a - b));
    expect(group.filter((each) => each.name === `${name}_sum`)).toHaveLength(1);
    expect(group.filter((each) => each.name === `${name}_count`).map(({ value }) => value)).toEqual([counts.at(-1)]);
  }
}

const CALL: EndedCall = {
  server: 'files',
  method: 'tools',
  outcome: 'ok',
  durationMs: 7,
  upstreamMs: 5,
  requestBytes: 100,
  responseBytes: 5000,
};

function measured(record: (metrics: Metrics) => void): Map<string, Parsed> {
  const metrics = createMetrics();
  metrics.setServers(['files', 'issues']);
  record(metrics);
  return parse(metrics.render());
}

function valueOf(families: Map<string, Parsed>, name: string, labels: Record<string, string>): number | undefined {
  const series = [...families.values()].flatMap((family) => family.series);
  return series.find((each) => each.name === name && JSON.stringify(each.labels) === JSON.stringify(labels))?.value;
}

describe('the text', () => {
  it('is in the grammar, with one HELP and TYPE of each family and every histogram in order', () => {
    const families = measured((metrics) => {
      addProcessSource(metrics, '1.2.3').close();
      metrics.call(CALL);
      metrics.call({ ...CALL, durationMs: 0.2, upstreamMs: 0.3, requestBytes: 2 ** 30 });
      metrics.call({ ...CALL, server: undefined, method: 'other', outcome: 'invalid_params', upstreamMs: undefined });
      metrics.listed('tools', 'ok');
      metrics.refused('unauthenticated');
      metrics.reloaded('applied');
      metrics.server('files', 'start');
      metrics.source('sallyport_sessions', () => [{ labels: { transport: 'http', revision: '2025-11-25' }, value: 2 }]);
    });
    for (const [name, family] of families) {
      const expected = FAMILIES[name as keyof typeof FAMILIES];
      expect({ ...family, series: undefined }).toEqual({ help: expected.help, type: expected.type });
      expect(name.endsWith('_total')).toBe(expected.type === 'counter');
      for (const { labels } of family.series) {
        expect(Object.keys(labels).filter((label) => label !== 'le')).toEqual(expected.labels);
      }
      if (family.type === 'histogram') checkHistogram(family, name);
    }
    expect(families.size).toBeGreaterThan(30);
  });

  it('escapes what a label or a help must not hold, whatever it is', () => {
    assert(
      property(string({ unit: 'binary' }), string(), double(), (label, help, value) => {
        const text = familyText('x', { type: 'gauge', help, labels: ['a', 'b'] }, [
          { labels: { b: 'c', a: label }, value },
        ]);
        const family = parse(text).get('x');
        expect(family?.series).toEqual([{ name: 'x', labels: { a: label, b: 'c' }, value: value + 0 }]);
      }),
    );
  });

  it('adds up samples of the same labels, and leaves out a family without any', () => {
    const family = { type: 'gauge', help: 'h', labels: ['a', 'b'] } as const;
    const samples = [
      { labels: { a: '1', b: '2' }, value: 1 },
      { labels: { b: '2', a: '1' }, value: 2 },
    ];
    expect(parse(familyText('x', family, samples)).get('x')?.series).toEqual([
      { name: 'x', labels: { a: '1', b: '2' }, value: 3 },
    ]);
    expect(familyText('x', family, [])).toBe('');
    expect(histogramText('x', family, [])).toBe('');
  });
});

describe('what is counted', () => {
  it('calls by server, method and outcome', () => {
    const families = measured((metrics) => {
      for (let index = 0; index < 3; index++) metrics.call(CALL);
      metrics.call({ ...CALL, outcome: 'tool_error' });
      metrics.call({ ...CALL, server: undefined, method: 'prompts', outcome: 'invalid_params' });
    });
    const calls = (labels: Record<string, string>): number | undefined =>
      valueOf(families, 'sallyport_calls_total', labels);
    expect(calls({ server: 'files', method: 'tools', outcome: 'ok' })).toBe(3);
    expect(calls({ server: 'files', method: 'tools', outcome: 'tool_error' })).toBe(1);
    expect(calls({ server: '', method: 'prompts', outcome: 'invalid_params' })).toBe(1);
    expect(valueOf(families, 'sallyport_refusals_total', { reason: 'invalid_params' })).toBe(1);
    expect(valueOf(families, 'sallyport_call_duration_seconds_count', { server: 'files' })).toBe(4);
    expect(valueOf(families, 'sallyport_call_duration_seconds_count', { server: 'issues' })).toBe(0);
  });

  it('durations and sizes in base units, a value on a bound within it', () => {
    const families = measured((metrics) => {
      metrics.call({ ...CALL, durationMs: 5, upstreamMs: 4.5 });
      metrics.call({ ...CALL, durationMs: 5.001, responseBytes: undefined });
    });
    const at = (le: string): number | undefined =>
      valueOf(families, 'sallyport_call_duration_seconds_bucket', { server: 'files', le });
    expect([at('0.0025'), at('0.005'), at('0.01'), at('+Inf')]).toEqual([0, 1, 2, 2]);
    expect(valueOf(families, 'sallyport_call_overhead_seconds_bucket', { le: '0.0005' })).toBe(2);
    expect(valueOf(families, 'sallyport_request_bytes_sum', { server: 'files' })).toBe(200);
    expect(valueOf(families, 'sallyport_response_bytes_count', { server: 'files' })).toBe(1);
  });

  it('refusals by every reason, and no failure that is a server\u2019s', () => {
    const families = measured((metrics) => {
      for (const outcome of Object.keys(ERRORS) as (keyof typeof ERRORS)[]) metrics.call({ ...CALL, outcome });
      metrics.listed('tools', 'rate_limited');
      for (const outcome of ['ok', 'tool_error', 'server_error', 'cancelled'] as const)
        metrics.listed('tools', outcome);
    });
    const reasons = families.get('sallyport_refusals_total')?.series.map(({ labels }) => labels['reason']);
    const others = ['unavailable', 'upstream_timeout', 'internal'];
    expect(reasons?.toSorted()).toEqual(
      Object.keys(ERRORS)
        .filter((key) => !others.includes(key))
        .toSorted(),
    );
    expect(valueOf(families, 'sallyport_refusals_total', { reason: 'rate_limited' })).toBe(2);
    expect(valueOf(families, 'sallyport_list_requests_total', { kind: 'tools', outcome: 'ok' })).toBe(1);
  });

  it('starts, restarts and failures of servers, from zero on', () => {
    const families = measured((metrics) => {
      for (const event of ['start', 'failed_start', 'restart', 'end', 'restart'] as const)
        metrics.server('files', event);
    });
    const files = { server: 'files' };
    expect(valueOf(families, 'sallyport_server_starts_total', files)).toBe(3);
    expect(valueOf(families, 'sallyport_server_restarts_total', files)).toBe(2);
    expect(valueOf(families, 'sallyport_server_failures_total', { ...files, at: 'start' })).toBe(1);
    expect(valueOf(families, 'sallyport_server_failures_total', { ...files, at: 'end' })).toBe(1);
    expect(valueOf(families, 'sallyport_server_starts_total', { server: 'issues' })).toBe(0);
  });

  it('reloads by result', () => {
    const families = measured((metrics) => {
      metrics.reloaded('applied');
      metrics.reloaded('applied');
      metrics.reloaded('invalid');
    });
    expect(valueOf(families, 'sallyport_reloads_total', { result: 'applied' })).toBe(2);
    expect(valueOf(families, 'sallyport_reloads_total', { result: 'invalid' })).toBe(1);
  });
});

describe('series', () => {
  it('are those of the configuration: a call for another server makes none', () => {
    const families = measured((metrics) => {
      for (let index = 0; index < 100; index++) metrics.call({ ...CALL, server: `made-up-${index}` });
      metrics.server('made-up', 'start');
    });
    expect(JSON.stringify([...families.values()])).not.toContain('made-up');
    expect(valueOf(families, 'sallyport_call_overhead_seconds_count', {})).toBe(0);
    expect(valueOf(families, 'sallyport_calls_total', { server: '', method: 'tools', outcome: 'ok' })).toBe(100);
  });

  it('go with a server that the configuration no longer has, and begin again at zero', () => {
    const metrics = createMetrics();
    metrics.setServers(['files', 'issues']);
    metrics.call(CALL);
    metrics.call({ ...CALL, server: 'issues' });
    metrics.setServers(['issues']);
    expect(metrics.render()).not.toContain('"files"');
    metrics.setServers(['issues', 'files']);
    const families = parse(metrics.render());
    expect(valueOf(families, 'sallyport_call_duration_seconds_count', { server: 'files' })).toBe(0);
    expect(valueOf(families, 'sallyport_call_duration_seconds_count', { server: 'issues' })).toBe(1);
  });
});

describe('the process', () => {
  it('says what it uses', () => {
    const metrics = createMetrics();
    const source = addProcessSource(metrics, '1.2.3');
    metrics.render();
    const families = parse(metrics.render());
    source.close();
    source.close();
    expect(valueOf(families, 'sallyport_build_info', { version: '1.2.3', node: process.versions.node })).toBe(1);
    const value = (name: string): number => valueOf(families, name, {}) ?? -1;
    expect(value('process_resident_memory_bytes')).toBeGreaterThan(2 ** 20);
    expect(value('process_cpu_seconds_total')).toBeGreaterThan(0);
    expect(Math.abs(value('process_start_time_seconds') * 1000 - Date.now())).toBeLessThan(3_600_000);
    expect(value('nodejs_eventloop_lag_p99_seconds')).toBeGreaterThanOrEqual(0);
    if (process.platform !== 'linux') return;
    expect(value('process_open_fds')).toBeGreaterThan(2);
    expect(value('process_max_fds')).toBeGreaterThan(value('process_open_fds'));
    expect(value('process_virtual_memory_bytes')).toBeGreaterThan(value('process_resident_memory_bytes'));
  });
});

describe('docs/OPERATIONS.md', () => {
  it('has the families of the code, each with its type, its labels and what it says', () => {
    const page = readFileSync(new URL('../../../../docs/OPERATIONS.md', import.meta.url), 'utf8');
    const rows = page
      .split('\n')
      .filter((line) => /^\| `(?:sallyport|process|nodejs)_\w+` /.test(line))
      .map((line) => line.split(' | ').map((cell) => cell.replaceAll(/^\| | \|$/g, '').trim()));
    const words = (cell = ''): string[] => [...cell.matchAll(/`(\w+)`/g)].map(([, word = '']) => word);
    const documented = Object.fromEntries(
      rows.map(([name, type, labels, help]) => [words(name)[0], { type, help, labels: words(labels) }]),
    );
    expect(documented).toEqual(FAMILIES);
  });
});
