/** Interceptors as the gateway opens them: how their programs are started and caged, how hooks are reached and what is written down. */

import { childEnvironment, resolveCommand, startChild } from '@sallyport/host';
import { signatureOf } from '../alerts/index.ts';
import { SIGNATURE_HEADER } from './alerts-state.ts';
import type { AuditEvent } from '../audit/index.ts';
import { parsedResult, resultBytes } from '../bridge/result-bytes.ts';
import { logIdOf, type Call } from '../call.ts';
import type { Pins } from '../catalog/pinned.ts';
import type { Children } from './children.ts';
import type { Config } from '../config/index.ts';
import { secretsIn } from '../guard/secrets/own.ts';
import {
  createHttpHook,
  createInterceptors,
  createProgramHook,
  ownerOf,
  type Hook,
  type Interceptors,
  type InterceptorSettings,
  type Intervention,
  type ListInterceptors,
  type Program,
  type ProgramEvents,
  type ProgramPlace,
} from '../interceptors/index.ts';
import type { Policy } from '../policy/index.ts';
import { withParams } from '../restated.ts';
import type { RoomOptions } from '../rooms.ts';
import { createOutbound } from './outbound.ts';
import { setTimer } from '../steps.ts';

export type { Interceptors } from '../interceptors/index.ts';

export interface InterceptorParts {
  readonly options: RoomOptions;
  readonly children: Children;
  /** In force. */
  readonly config: () => Config;
  readonly policy: () => Policy;
}

/** Of an answer, besides what it puts in the place of something. */
const FRAME_BYTES = 4096;

export function openInterceptors(parts: InterceptorParts): Interceptors {
  const { config, options, policy } = parts;
  const { audit, guard, log } = options;
  const kinds = (text: string): ReturnType<typeof secretsIn> =>
    config().guard.secrets === 'off' ? undefined : secretsIn(Buffer.from(text), guard.own);
  return createInterceptors({
    settings: options.config.interceptors,
    open: (settings) => hookOf(settings, parts),
    rolesOf: (principal) => policy().rolesOf(principal),
    logIdOf,
    withParams,
    isRefused: ({ text }) => {
      const found = kinds(text);
      return found !== undefined && (found.isOwn || config().guard.secrets === 'block');
    },
    holdsOwn: (text) => kinds(text)?.isOwn === true,
    isKeptBack: (server, tool) => {
      const judgement = guard.screen.definition(server, tool['name'] as string, tool);
      return judgement !== undefined && 'hidden' in judgement;
    },
    bytesOf: resultBytes,
    parsed: parsedResult,
    reportCall: (news, call) => audit.record({ ...eventOf(news), ...aboutCall(call) }),
    reportList: (news, server) => audit.record({ ...eventOf(news), server }),
    setTimer,
    now: () => performance.now(),
    log,
  });
}

/** The same pins; interceptors are asked about a list when those have looked at it. */
export function interceptedPins(pins: Pins, lists: ListInterceptors): Pins {
  return {
    get table() {
      return pins.table;
    },
    observe: async (server, tools, owner) => {
      await pins.observe(server, tools, owner);
      await lists.observe(server, tools);
    },
    onChanged: (listener) => {
      pins.onChanged(listener);
      lists.onChanged(listener);
    },
  };
}

/** Nothing of what was looked at: only who did what. */
function eventOf({ interceptor, outcome, passed, phase }: Intervention): AuditEvent {
  return {
    type: 'server_access',
    action: `interceptor.${phase}`,
    decision: passed ? 'allow' : 'deny',
    facts: { interceptor, outcome },
  };
}

function aboutCall(call: Call): Omit<AuditEvent, 'type' | 'action' | 'decision'> {
  const { exchange, target } = call;
  return {
    server: target?.server,
    target: target?.canonicalId,
    principal: exchange.session?.principal ?? exchange.principal,
    correlationId: logIdOf(call),
    address: exchange.address,
  };
}

function hookOf({ maxBytes: shown, name, target, timeoutMs }: InterceptorSettings, parts: InterceptorParts): Hook {
  const { env, log, now } = parts.options;
  const maxBytes = shown + FRAME_BYTES;
  if (target.kind === 'http') {
    const sign = (body: string, secret: string): Record<string, string> => {
      return { [SIGNATURE_HEADER]: signatureOf(body, secret, now()) };
    };
    // As long as the operator says, which may be longer than others are waited for.
    const fetch = createOutbound(env, timeoutMs);
    return createHttpHook(target, { fetch, timeout: (ms) => AbortSignal.timeout(ms), sign, maxBytes });
  }
  return createProgramHook({
    name,
    start: (events) => startProgram({ name, place: target, maxBytes }, events, parts),
    setTimer,
    now: () => performance.now(),
    log,
  });
}

/** As the children of a server are: looked up on PATH, installed before where it would fetch something, caged, ended with this process. */
async function startProgram(
  { maxBytes, name, place }: { readonly name: string; readonly place: ProgramPlace; readonly maxBytes: number },
  { onExit, onLine, onOversize }: ProgramEvents,
  { children, options }: InterceptorParts,
): Promise<Program> {
  const { env: own, log, reaper } = options;
  const { env, risky } = childEnvironment(own, place.env, process.platform);
  const { path, warning } = await resolveCommand(place.command, {
    path: env['PATH'] ?? '',
    cwd: place.cwd,
    platform: process.platform,
    ...(env['PATHEXT'] !== undefined && { pathExtensions: env['PATHEXT'] }),
  });
  const warnings = [
    warning,
    risky.length > 0 ? `It gets ${risky.join(', ')}, which can make it run other code.` : undefined,
  ];
  for (const text of warnings) if (text !== undefined) log('warn', text, { interceptor: name });
  const owner = { name: ownerOf({ name }), isolation: 'shared', sandbox: place.sandbox } as const;
  const { release, ...command } = await children.launch(
    owner,
    undefined,
  )({
    command: path,
    args: [...place.args],
    cwd: place.cwd,
    env,
  });
  return await startChild({
    ...command,
    reaper,
    maxLineBytes: maxBytes,
    onLine,
    onOversize: ({ head }) => onOversize(head),
    onStderr: (text) => log('info', text, { interceptor: name, stream: 'stderr' }),
    onExit: ({ code, requested, signal, stderrTail }) => {
      void release();
      const tail = stderrTail === '' ? '' : ` It said last: ${stderrTail}`;
      onExit(requested ? 'it was ended' : `it ended ${signal === null ? `with code ${code}` : `by ${signal}`}.${tail}`);
    },
  }).catch(async (error: unknown) => {
    await release();
    throw error;
  });
}
