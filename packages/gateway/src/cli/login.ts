/**
 * `sallyport login SERVER`: somebody logs in at a remote server with a browser. For this machine's user, or for the whole
 * gateway with `oauth.per: gateway`. The gateway that runs takes part; without one, one is started for as long as this takes,
 * on a port of loopback that the browser comes back to. No token passes through here.
 */
import type { Command } from 'commander';
import { LOGIN_PATH } from '../wiring/admin-endpoints.ts';
import type { LoginAnswer } from '../logins/acts.ts';
import { withGateway, type Reached } from './connection.ts';
import { globalsOf, type CliContext } from './context.ts';
import { CliError, exitCodes, type ExitCode } from './exit.ts';
import { note, printResult } from './output.ts';
import { oneLine } from './text.ts';
import { openInBrowser } from './web-browser.ts';

export function register(program: Command, context: CliContext): void {
  program
    .command('login')
    .summary('log in at a server')
    .description(
      'Logs in at a remote server that wants it: opens a browser ($SALLYPORT_BROWSER, else that of the system), or prints the address to open on this machine. The token stays in the state, sealed.',
    )
    .argument('<SERVER>', 'the name of the server in the configuration')
    .option('--device', 'show a code to enter in a browser of any machine (RFC 8628)', false)
    .action(async (server: string, { device }: { readonly device: boolean }, command: Command) => {
      const globals = globalsOf(command, context);
      await withGateway(
        context,
        globals,
        async (gateway) => {
          const done = await logIn(context, gateway, { server, device });
          printResult(context, globals, { server, ...done }, doneText(server, done));
        },
        { server },
      );
    });
}

/** How long a login may take; the address is no good afterwards. */
const LOGIN_MS = 10 * 60_000;

type Done = Extract<LoginAnswer, { readonly status: 'done' }>;

async function logIn(
  context: CliContext,
  gateway: Reached,
  { device, server }: { readonly device: boolean; readonly server: string },
): Promise<Done> {
  const ask = async (more: object): Promise<LoginAnswer> =>
    (await gateway.post(LOGIN_PATH, { server, ...more })) as LoginAnswer;
  note(context, `Asking ${oneLine(server)} where to log in …`);
  let answer = await ask({ device });
  const endMs = context.now() + LOGIN_MS;
  if (answer.status === 'login' || answer.status === 'device') {
    const { state } = answer;
    if (answer.status === 'login') await lead(context, answer, endMs);
    else leadDevice(context, answer);
    do answer = await ask({ state });
    while (answer.status === 'waiting' && context.now() < endMs);
  }
  if (answer.status === 'done') return answer;
  throw refusal(answer);
}

async function lead(
  context: CliContext,
  { issuer, scopes, url }: Extract<LoginAnswer, { readonly status: 'login' }>,
  endMs: number,
): Promise<void> {
  const asks = scopes.length === 0 ? '' : ` It is asked for: ${oneLine(scopes.join(' '))}.`;
  note(context, `Log in at ${oneLine(issuer)}.${asks}`);
  const isOpen = await openInBrowser(context, url, endMs);
  note(
    context,
    `${isOpen ? 'A browser was opened. If it shows nothing, open' : 'Open'} this address on this machine:\n  ${url}`,
  );
  note(context, 'Waiting for the browser to come back (Ctrl+C gives up) …');
}

function leadDevice(
  context: CliContext,
  { completeUri, issuer, scopes, uri, userCode }: Extract<LoginAnswer, { readonly status: 'device' }>,
): void {
  const asks = scopes.length === 0 ? '' : ` It is asked for: ${oneLine(scopes.join(' '))}.`;
  note(context, `Log in at ${oneLine(issuer)}.${asks}`);
  note(context, `Open this address in any browser:\n  ${oneLine(uri)}\nand enter the code\n  ${oneLine(userCode)}`);
  if (completeUri !== undefined) note(context, `Or open the one with the code in it:\n  ${oneLine(completeUri)}`);
  note(context, 'Waiting until that is done (Ctrl+C gives up) …');
}

const CODES: Readonly<Record<string, ExitCode>> = {
  unknown: exitCodes.configuration,
  needless: exitCodes.configuration,
  unreachable: exitCodes.unreachable,
  refused: exitCodes.refused,
};

function refusal(answer: Exclude<LoginAnswer, Done>): CliError {
  if (!('message' in answer)) return new CliError('nobody logged in within ten minutes', exitCodes.refused);
  return new CliError(oneLine(answer.message), CODES[answer.status] ?? exitCodes.failed);
}

function doneText(server: string, { expiresAtMs, issuer, scopes }: Done): string {
  const at = issuer === undefined ? '' : ` (${oneLine(issuer)})`;
  const may = scopes === undefined || scopes.length === 0 ? '' : `, for ${oneLine(scopes.join(' '))}`;
  const until =
    expiresAtMs === undefined
      ? ''
      : `\nThe token is good until ${new Date(expiresAtMs).toISOString().slice(0, 19)}Z; it is renewed by itself where the server lets it.`;
  return `Logged in at ${oneLine(server)}${at}${may}.${until}`;
}
