/**
 * The schema of `interceptors`: who is asked about calls and lists, in which order, and what a missing answer means. What is
 * asked and answered is in docs/INTERCEPTORS.md.
 */
import * as v from 'valibot';
import { duration, oneOf, size, text, texts } from './scalars.ts';
import { findings, maybe, object, present, preset, type Finding } from './schema-parts.ts';
import { headersSchema } from './schema-headers.ts';
import { environmentSchema, sandboxSchema } from './schema-server.ts';
import { postUrl, secret, someNames } from './schema-values.ts';
import type { InterceptorConfig } from './types-interceptors.ts';

const MIB = 1024 * 1024;
const childKeys = ['args', 'env', 'cwd', 'sandbox'] as const;
const hookKeys = ['headers', 'secret'] as const;
const TOOLS: InterceptorConfig['kinds'] = ['tool'];
const ALL_KINDS: InterceptorConfig['kinds'] = ['tool', 'prompt', 'resource'];

const name = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{1,32}$/, 'expected a name of 1 to 32 of A-Z a-z 0-9 _ -'));

const entry = v.pipe(
  object(
    {
      name: v.pipe(name, v.description('For the audit, the log and the metrics.')),
      url: maybe(postUrl('Where an HTTP hook is posted to.')),
      headers: preset(headersSchema, {}, 'Sent there and to no other origin.'),
      secret: maybe(
        secret('a secret of at least 16 characters', (value) => value.length >= 16),
        'Signs what a hook gets (HMAC-SHA256).',
      ),
      command: maybe(text('the program to start'), 'A program that is asked by lines of JSON.'),
      args: preset(texts(), [], 'Its arguments; never given to a shell.'),
      env: environmentSchema,
      cwd: maybe(text('a folder'), 'Working folder; the folder of this file unless told.'),
      sandbox: sandboxSchema,
      phases: v.pipe(
        v.array(oneOf('before-call', 'after-call', 'list')),
        v.minLength(1, 'expected before-call, after-call, list or several of them'),
        v.description('What it is asked about.'),
      ),
      kinds: maybe(
        v.pipe(
          v.array(oneOf('tool', 'prompt', 'resource')),
          v.minLength(1, 'expected tool, prompt, resource or several of them'),
        ),
        'The calls that it is asked about: of tools alone where `tools` is written, else of all three.',
      ),
      servers: maybe(someNames('a list of globs over names of servers'), 'Those that it is asked about.'),
      tools: maybe(someNames('a list of globs'), 'The tools that it is asked about, as server__tool.'),
      timeout: preset(duration(1), '1s', 'No answer in this time is a failure.'),
      onError: preset(oneOf('closed', 'open'), 'closed', 'Without an answer: nothing passes, or everything.'),
      maxBytes: preset(size(), MIB, 'Of what it is shown and of what it answers; more is a failure.'),
    },
    'an object with a `name`, `phases`, and `url` or `command`',
  ),
  findings((written) => [...misplaced(written), ...needless(written)]),
  v.transform(
    ({ args, command, cwd, env, headers, kinds, sandbox, secret: key, timeout, url, ...rest }): InterceptorConfig => {
      const target: InterceptorConfig['target'] =
        url === undefined
          ? { kind: 'child', command: command ?? '', args, env, cwd: cwd ?? '.', sandbox }
          : present({ kind: 'http', url, headers, secret: key });
      return present({
        ...rest,
        kinds: kinds ?? (rest.tools === undefined ? ALL_KINDS : TOOLS),
        target,
        timeoutMs: timeout,
      });
    },
  ),
);

function misplaced(written: Readonly<Record<string, unknown>>): Finding[] {
  const has = (key: string): boolean => isWritten(written[key]);
  if (has('url') === has('command')) {
    return [
      { path: [], message: 'expected `url` (a hook to post to) or `command` (a program to start), and not both' },
    ];
  }
  const [wrong, of] = has('url') ? [childKeys, 'command'] : [hookKeys, 'url'];
  return wrong.filter(has).map((key) => ({ path: [key], message: `only for an interceptor with \`${of}\`` }));
}

/** What is written for tools means nothing where none is asked about. */
function needless({ kinds, phases, tools }: Readonly<Record<string, unknown>>): Finding[] {
  if (!Array.isArray(kinds) || kinds.includes('tool')) return [];
  const isList = Array.isArray(phases) && phases.includes('list');
  return [
    ...(tools === undefined ? [] : [{ path: ['tools'], message: 'only where `tool` is one of `kinds`' }]),
    ...(isList ? [{ path: ['phases'], message: '`list` is about tools: expected `tool` among `kinds`' }] : []),
  ];
}

/** A map, list or sandbox that nobody wrote is empty, or has empty lists alone. */
function isWritten(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return value !== undefined;
  return Object.values(value).some((member) => !Array.isArray(member) || member.length > 0);
}

/** Each is one more wait for a call. */
const MAX_INTERCEPTORS = 16;

export const interceptorsSchema: v.GenericSchema<unknown, readonly InterceptorConfig[]> = preset(
  v.pipe(
    v.array(entry, 'expected a list of interceptors'),
    v.maxLength(MAX_INTERCEPTORS, `expected at most ${MAX_INTERCEPTORS} interceptors`),
    findings((all) =>
      all.flatMap(({ name: own }, index): Finding[] =>
        all.findIndex((other) => other.name === own) === index
          ? []
          : [{ path: [index, 'name'], message: 'another interceptor has this name' }],
      ),
    ),
  ),
  [],
  'Who is asked about calls and lists, in this order.',
);
