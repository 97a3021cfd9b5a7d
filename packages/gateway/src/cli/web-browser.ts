/**
 * Opens an address for the person at this machine: with `SALLYPORT_BROWSER`, else with what the system has for it. The
 * address is one argument of one program, never a word of a shell, and only addresses of the web are opened.
 */
import { browserCommand, createOpenBrowser } from '../logins/browser.ts';
import type { CliContext } from './context.ts';
import { CliError, exitCodes } from './exit.ts';

/** False: nothing here opens an address, or the person sits elsewhere. */
export async function openInBrowser(context: CliContext, url: string, expiresAtMs: number): Promise<boolean> {
  const { env } = context;
  const command = namedBrowser(env['SALLYPORT_BROWSER']) ?? systemBrowser(context);
  return command !== undefined && (await createOpenBrowser(command, env)({ url, expiresAtMs }));
}

function namedBrowser(text: string | undefined): ReturnType<typeof browserCommand> {
  try {
    return browserCommand(text);
  } catch (error) {
    throw new CliError((error as Error).message, exitCodes.usage);
  }
}

function systemBrowser({ env, processes }: CliContext): ReturnType<typeof browserCommand> {
  switch (processes.platform) {
    case 'darwin':
      return ['open'];
    case 'win32':
      // `start` is a word of the shell; this is what it would call.
      return ['rundll32', 'url.dll,FileProtocolHandler'];
    default:
      // Without a display there is nobody to see it, and over SSH it would be the display of another machine.
      return (env['DISPLAY'] ?? env['WAYLAND_DISPLAY'] ?? '') === '' ? undefined : ['xdg-open'];
  }
}
