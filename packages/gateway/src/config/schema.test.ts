import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { parse } from 'valibot';
import { describe, expect, it } from 'vitest';
import { knownKeys } from './check.ts';
import { notYet } from './not-yet.ts';
import { parseDuration, parseSize } from './scalars.ts';
import { configJsonSchema } from './json-schema.ts';
import { configSchema, serverNamePattern } from './schema.ts';

describe('configuration schema', () => {
  it('is what schema/sallyport.schema.json says (write it with `sallyport config schema`)', () => {
    const committed: unknown = JSON.parse(
      readFileSync(new URL('../../../../schema/sallyport.schema.json', import.meta.url), 'utf8'),
    );
    expect(committed).toEqual(configJsonSchema());
  });

  it('has the documented defaults', () => {
    expect(parse(configSchema, { mcpServers: { one: { command: 'x' } } })).toMatchObject({
      listen: { host: '127.0.0.1', port: 7420, path: '/mcp', plainBehindProxy: false },
      naming: { mode: 'prefixed', maxLength: 48 },
      auth: {
        modes: ['key'],
        keys: [],
        scopes: [],
        browser: { idleMs: 1_800_000, absoluteMs: 43_200_000, rotateMs: 900_000 },
      },
      limits: {
        bodyBytes: 4_194_304,
        headerBytes: 16_384,
        depth: 64,
        batch: 50,
        upstreamMessageBytes: 16_777_216,
        headerTimeoutMs: 10_000,
        bodyTimeoutMs: 30_000,
        listDeadlineMs: 3_000,
        drainMs: 10_000,
        sessions: 1_000,
        humanMs: 600_000,
        concurrency: 64,
        connections: 256,
        failedAuthentications: 60,
        rate: { perPrincipal: { count: 1_000, periodMs: 60_000 } },
        quota: {},
        serverConcurrency: 256,
        serverQueue: 256,
        streams: 64,
        subscriptions: 1_000,
      },
      sessions: { idleMs: 1_800_000, absoluteMs: 86_400_000 },
      store: 'sqlite',
      telemetry: { log: { level: 'info', format: 'auto' } },
      strict: false,
      mcpServers: {
        one: {
          enabled: true,
          readOnly: false,
          era: 'auto',
          start: 'lazy',
          idleMs: 600_000,
          timeout: { connectMs: 10_000, callMs: 60_000, maxMs: 1_800_000 },
          features: { tools: true, resources: true, prompts: true },
        },
      },
    });
  });

  it('describes every key that is refused as not available', () => {
    for (const { path } of notYet) {
      const keys = path.split('.');
      expect(knownKeys(keys.slice(0, -1)), path).toContain(keys.at(-1));
    }
  });

  it.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['2m', 120_000],
    ['1min', 60_000],
    ['1h', 3_600_000],
    ['365d', 31_536_000_000],
    ['1.5s', 1_500],
    [30, 30_000],
    ['7', 7_000],
    ['10 S', 10_000],
    ['', undefined],
    ['-1s', undefined],
    ['1w', undefined],
    ['1s2m', undefined],
    ['1e3', undefined],
    [Number.NaN, undefined],
  ])('reads the duration %j as %j ms', (written, ms) => {
    expect(parseDuration(written)).toBe(ms);
  });

  it.each([
    ['64 KiB', 65_536],
    ['4MiB', 4_194_304],
    ['1 kB', 1_000],
    ['2GB', 2_000_000_000],
    [12, 12],
    ['12', 12],
    ['1 TiB', undefined],
    ['KiB', undefined],
    ['-4', undefined],
  ])('reads the size %j as %j bytes', (written, bytes) => {
    expect(parseSize(written)).toBe(bytes);
  });

  it('takes server names that no path, tool name or JavaScript object stumbles over', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 40 }), (name) => {
        if (!serverNamePattern.test(name)) return;
        expect(name).toMatch(/^[A-Za-z0-9-][A-Za-z0-9_-]{0,31}$/);
        expect(name).not.toMatch(/__|_$/);
      }),
    );
    for (const name of ['a', 'a-b_c', '1', '-', 'a'.repeat(32)]) expect(serverNamePattern.test(name), name).toBe(true);
    for (const name of ['', '_a', 'a_', 'a__b', '../x', 'a/b', 'a.b', 'ä', 'a\n', 'a'.repeat(33), 'a'.repeat(300)]) {
      expect(serverNamePattern.test(name), name).toBe(false);
    }
  });
});
