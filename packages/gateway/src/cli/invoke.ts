/**
 * One MCP request for a person: while it runs, its progress stands on one line of the terminal, what the server logs is shown
 * when wanted, and what the server asks is asked on the terminal. It does not show the result.
 */
import { ask } from '@sallyport/client';
import { isObject, type JsonObject, type JsonRpcNotification, type LogLevel } from '@sallyport/wire';
import type { Reached } from './connection.ts';
import type { CliContext, GlobalOptions } from './context.ts';
import { answerElicitation } from './elicit.ts';
import { note } from './output.ts';
import { cut, oneLine, textOf } from './text.ts';

/** The gateway's clocks decide over calls; this only ends a wait that nobody ends otherwise. */
const MAX_WAIT_MS = 24 * 3_600_000;

/** Resolves with the result. Rejects with what `withGateway` makes an exit code of. */
export async function invoke(
  context: CliContext,
  globals: GlobalOptions,
  gateway: Reached,
  method: string,
  params: JsonObject,
): Promise<JsonObject> {
  const leg = await gateway.session();
  const level = wantedLevel(globals.logLevel);
  if (level !== undefined && leg.server.capabilities['logging'] !== undefined) {
    await ask(leg, 'logging/setLevel', { level }, { timeoutMs: MAX_WAIT_MS });
  }
  const progress = createProgressLine(context);
  const show = (message: JsonRpcNotification): void => {
    if (message.method === 'notifications/progress') progress.show(progressText(message.params ?? {}));
    else if (message.method === 'notifications/message' && level !== undefined) {
      progress.clear();
      note(context, logText(message.params ?? {}));
    }
  };
  // One question at a time: two would share the keyboard.
  let questions: Promise<unknown> = Promise.resolve();
  const request: typeof leg.request = (outgoing) => {
    const pending = leg.request({
      ...outgoing,
      maxMs: MAX_WAIT_MS,
      text: (id) => JSON.stringify({ jsonrpc: '2.0', id, method, params: { ...params, _meta: { progressToken: id } } }),
      cause: {
        notify: show,
        ask: async (message) => {
          const answered = questions.then(() => {
            progress.clear();
            return answerRequest(context, message.method, message.params ?? {});
          });
          questions = answered;
          return await answered;
        },
      },
    });
    gateway.interrupt.onAsked(() => pending.cancel('The person stopped it.'));
    return pending;
  };
  try {
    return await ask({ request, ownMeta: leg.ownMeta }, method, params, { timeoutMs: MAX_WAIT_MS });
  } finally {
    progress.clear();
  }
}

async function answerRequest(
  context: CliContext,
  method: string,
  params: JsonObject,
): ReturnType<typeof answerElicitation> {
  if (method === 'elicitation/create') return await answerElicitation(context, params);
  if (method === 'roots/list') return { result: { roots: [] } };
  return { error: { code: -32601, message: `The command line does not offer ${method}.` } };
}

interface ProgressLine {
  show(text: string): void;
  clear(): void;
}

/** One line of stderr that is written again and again; nothing where stderr is no terminal. */
function createProgressLine({ stderr, errorColumns }: CliContext): ProgressLine {
  let isShown = false;
  return {
    show: (text) => {
      const columns = errorColumns();
      if (columns === undefined) return;
      isShown = true;
      stderr.write(`\r\u001b[2K${cut(text, columns - 1)}`);
    },
    clear: () => {
      if (isShown) stderr.write('\r\u001b[2K');
      isShown = false;
    },
  };
}

function progressText({ progress, total, message }: JsonObject): string {
  const done = typeof progress === 'number' ? progress : 0;
  const said = typeof message === 'string' ? `  ${oneLine(message)}` : '';
  if (typeof total !== 'number' || total <= 0) return `… ${done}${said}`;
  return `… ${done}/${total}  ${Math.min(100, Math.round((done / total) * 100))} %${said}`;
}

function logText({ level, logger, data }: JsonObject): string {
  const text =
    typeof data === 'string'
      ? data
      : isObject(data) && typeof data['message'] === 'string'
        ? data['message']
        : JSON.stringify(data);
  const who = typeof logger === 'string' ? ` ${oneLine(logger)}:` : '';
  return `[${oneLine(textOf(level))}]${who} ${oneLine(text ?? '')}`;
}

const LEVELS: Readonly<Record<string, LogLevel>> = {
  trace: 'debug',
  debug: 'debug',
  info: 'info',
  warn: 'warning',
  error: 'error',
  fatal: 'critical',
};

/** The level of server logs that go with `--log-level`; none without it. */
function wantedLevel(logLevel: string | undefined): LogLevel | undefined {
  return logLevel === undefined ? undefined : LEVELS[logLevel];
}
