import { describe, expect, it } from 'vitest';
import type { ServerStatus } from '../wiring/status.ts';
import { statusText, type StatusFacts, type SystemReport } from './status.ts';
import { agoText } from './text.ts';
import { serverStatus } from './testing/fakes.ts';

const server = (name: string, more: Partial<ServerStatus> = {}): ServerStatus => serverStatus({ name, ...more });

const report: SystemReport = {
  version: '1.2.3',
  pid: 7,
  startedMs: 0,
  url: 'http://127.0.0.1:7420/mcp',
  config: { path: '/a.json', hash: 'h', loadedMs: 0 },
  sessions: { http: 1, connections: 2 },
  servers: [server('a'), server('b')],
  notes: [],
};
const { config: _config, ...onCommandLine } = report;
const facts: StatusFacts = {
  report,
  record: { logPath: '/state/daemon.log', reload: 'auto' },
  changed: false,
  nowMs: 90_061_000,
  columns: undefined,
  color: false,
};

describe('the status of a gateway', () => {
  it('says what runs, on what, and how it is', () => {
    expect(statusText(facts)).toBe(
      [
        'Sallyport runs at http://127.0.0.1:7420/mcp',
        '  up       1 day 1 hour (pid 7, version 1.2.3)',
        '  file     /a.json',
        '  log      /state/daemon.log',
        '  clients  1 session over HTTP, 2 connections',
        '  servers  2 up',
      ].join('\n'),
    );
  });

  it('names what is wrong, and what to do', () => {
    const config = {
      path: '/a.json',
      hash: 'h',
      loadedMs: 0,
      error: { message: '/a.json:1:2: x: unknown key\u001b[2J\n/a.json:3:1: y', atMs: 90_001_000 },
      pending: { diff: ['+ mcpServers.c'] },
    };
    const servers = [server('a'), server('b', { state: 'failed', error: 'It broke', retryInMs: 1000 })];
    const text = statusText({ ...facts, report: { ...report, config, servers, notes: ['moved\nto principal'] } });
    expect(text).toContain('  servers  1 up, 1 failed (b)');
    expect(text).toContain(
      [
        '  ! the file was not taken over 1 minute ago, the one before it is in force:',
        '    /a.json:1:2: x: unknown key\ufffd[2J',
        '    /a.json:3:1: y',
        '  ! a change waits for a yes (`sallyport reload`):',
        '    + mcpServers.c',
        '  - moved to principal',
      ].join('\n'),
    );
    expect(text).toMatch(/\nb +stdio +failed[^]*! It broke \(tried again in 1 s\)$/);
    expect(text).not.toMatch(/^a /m);
  });

  it.each([
    [{ changed: true }, '/a.json (changed since it was read: `sallyport reload` takes it over)'],
    [
      { changed: true, record: { logPath: undefined, reload: 'off' } },
      '/a.json (changed since it was read: `sallyport restart` takes it over)',
    ],
    [{ record: { logPath: undefined, reload: 'auto' } }, '  log      in the terminal where it runs'],
    [{ report: onCommandLine }, '  file     none: it was given on the command line'],
    [{ report: { ...report, servers: [] } }, '  servers  none'],
  ])('with %j says so', (more, line) => {
    expect(statusText({ ...facts, ...more })).toContain(line);
  });
});

describe('agoText', () => {
  it.each([
    [0, '0 seconds'],
    [-5, '0 seconds'],
    [999, '0 seconds'],
    [1000, '1 second'],
    [61_000, '1 minute 1 second'],
    [3_600_000, '1 hour'],
    [3_601_000, '1 hour'],
    [2 * 86_400_000 + 3 * 3_600_000, '2 days 3 hours'],
  ])('%i ms are %s', (ms, text) => {
    expect(agoText(ms)).toBe(text);
  });
});
