/**
 * What becomes of a credential of the configuration that a server refused: where a command gave it, the command runs again
 * and the configuration is read again, so that the server is replaced by one that shows the new one. Tokens of a login are
 * not its matter.
 */
import { UpstreamError } from '@sallyport/client';

export interface RenewalOptions {
  /** Has the commands behind a server run again at the next reading. False: not yet again; undefined: there are none. */
  readonly renew: ((server: string) => boolean | undefined) | undefined;
  readonly log: (level: 'info', text: string, detail: Readonly<Record<string, unknown>>) => void;
}

export class Renewal {
  readonly #options: RenewalOptions;
  /** One reading for all who were refused at the same time. */
  readonly #running: Map<string, Promise<void>> = new Map();
  #reload: (() => Promise<unknown>) | undefined;

  constructor(options: RenewalOptions) {
    this.#options = options;
  }

  /** How the configuration is read again; nothing is renewed before this is known. */
  use(reload: () => Promise<unknown>): void {
    this.#reload = reload;
  }

  /** True: `error` is a refusal of a credential that commands gave, and what could be done has been done: try once more. */
  async after(error: unknown, server: string): Promise<boolean> {
    if (!(error instanceof UpstreamError) || error.reason !== 'unauthorized' || error.login !== undefined) return false;
    const running = this.#running.get(server);
    if (running === undefined) {
      const isRenewed = this.#options.renew?.(server);
      if (isRenewed === undefined || this.#reload === undefined) return false;
      if (isRenewed) await this.#start(server, this.#reload);
      return true;
    }
    await running;
    return true;
  }

  async #start(server: string, reload: () => Promise<unknown>): Promise<void> {
    this.#options.log('info', 'a server refused what a command of `secrets.exec` gave: it is asked again', { server });
    const running = reload().then(
      () => undefined,
      () => undefined,
    );
    this.#running.set(server, running);
    await running;
    this.#running.delete(server);
  }
}
