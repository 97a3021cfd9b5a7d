/**
 * What clients were shown of our own tools, so that they are told of a change only when it changes that: in modes that hide the
 * catalogue most changes of it change no list. Whoever is shown the catalogue itself is told of every change. Tells nobody.
 */

import type { Answer, Exchange, Session } from '@sallyport/server';

/** A list as it is shown. */
export interface Page {
  readonly text: string;
  readonly answer: Answer;
}

/** A list, and where it is shown. */
export interface Look {
  /** The same object for the same eyes at the same endpoint. */
  readonly place: object;
  readonly key: string;
  readonly page: Page;
}

type Client = Session | Exchange;

export class Shown {
  /** Of a session: the list that it was given last. */
  readonly #ofSessions: WeakMap<Session, string> = new WeakMap();
  /** Of clients without one nobody knows which of them asked. */
  readonly #ofPlaces: WeakMap<object, Map<string, string>> = new WeakMap();
  /** Of a stream that waits for changes: what its client knows. */
  readonly #ofStreams: WeakMap<Exchange, string> = new WeakMap();

  /** A list goes to a client; without one, the catalogue itself. */
  listed(session: Session | undefined, look: Look | undefined): void {
    if (session !== undefined) {
      if (look === undefined) this.#ofSessions.delete(session);
      else this.#ofSessions.set(session, look.page.text);
      return;
    }
    if (look === undefined) return;
    const lists = this.#ofPlaces.get(look.place) ?? new Map<string, string>();
    this.#ofPlaces.set(look.place, lists.set(look.key, look.page.text));
  }

  /** A stream opens: what was listed last where it is may be what its client knows. */
  awaits(stream: Exchange, look: Look | undefined): void {
    if (look !== undefined) this.#ofStreams.set(stream, this.#lastAt(look) ?? look.page.text);
  }

  /** Whether what a client knows is what it would be shown now. It is taken to be told where it is not. */
  isSame(client: Client, look: Look | undefined): boolean {
    if (!('message' in client)) return look !== undefined && this.#ofSessions.get(client) === look.page.text;
    const before = this.#ofStreams.get(client);
    if (look === undefined) this.#ofStreams.delete(client);
    else this.#ofStreams.set(client, look.page.text);
    if (look === undefined || before !== look.page.text) return false;
    // Somebody may have asked between a change and this moment.
    return (this.#lastAt(look) ?? before) === before;
  }

  #lastAt({ key, place }: Look): string | undefined {
    return this.#ofPlaces.get(place)?.get(key);
  }
}
