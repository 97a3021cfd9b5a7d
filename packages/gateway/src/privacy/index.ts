/**
 * What is written about people, in one place: whoever writes a name or an address of a client, to the trail, to a copy of it or
 * to the log, has it from here (docs/PRIVACY.md). In the trail stands a pseudonym in every mode, and the mode says what is
 * shown; so that somebody can be forgotten without a record being changed.
 */

import { shownAddress, type AddressMode } from './addresses.ts';
import { Identities, PSEUDONYM, type IdentitiesOptions, type Named } from './identities.ts';
import { nameOf, readableLine } from './reading.ts';

export { withoutAddresses, type AddressMode } from './addresses.ts';
export { forgetIdentity, keptIdentities, ownerOf, PSEUDONYM, rekeyIdentities, type Named } from './identities.ts';
export type { IdentityStorage, KeptIdentity, Seal } from './identities.ts';
export { nameOf, pseudonymsIn, readableLine, type ReadingOptions } from './reading.ts';

export interface PeopleOptions {
  readonly identities: 'plain' | 'pseudonym';
  readonly addresses: AddressMode;
  /** Of this machine: the one who is named everywhere. */
  readonly user: Named;
  /** Without secrets, what could forge a line, and what of addresses may not be written. */
  readonly redact: {
    text(text: string): string;
    detail(detail: Detail): Detail;
  };
}

type Detail = Readonly<Record<string, unknown>>;

/** Writes a line of the log. */
interface Write<Level extends string> {
  (level: Level, text: string, detail?: Detail): void;
  readonly isOn?: (level: Level) => boolean;
}

/** Somebody of whom nothing may be said. */
const SOMEBODY = 'somebody';
/** The id of a key, which says nothing of its holder. */
const KEY_ID = /^[0-9a-f]{16}$/;

export class People {
  readonly #options: PeopleOptions;
  #identities: Identities | undefined;

  constructor(options: PeopleOptions) {
    this.#options = options;
  }

  /** Before it resolves nobody is named anywhere. Rejects when the store cannot be read. */
  async open(storage: Omit<IdentitiesOptions, 'mark'>): Promise<void> {
    const identities = new Identities({ ...storage, mark: this.#isNamed ? 'n' : 'p' });
    await identities.open();
    this.#identities = identities;
  }

  /** As somebody stands in a record of the trail. */
  principal(who: Named): string {
    return this.#isUser(who) ? nameOf(who) : (this.#identities?.of(who).pseudonym ?? SOMEBODY);
  }

  /** As the name of a key or `ISSUER#SUBJECT`, which somebody typed, stands in a record. Ids of keys stay. */
  typed(name: string): string {
    if (KEY_ID.test(name) || PSEUDONYM.test(name)) return name;
    const who = readName(name, this.#options.user.issuer);
    return who === undefined || this.#isUser(who) ? name : this.principal(who);
  }

  /** As an address stands in a record: what may be written of it, sealed where it is somebody's. */
  address(address: string | undefined, who: Named | undefined): string | undefined {
    const shown = shownAddress(this.#options.addresses, address);
    if (shown === undefined || who === undefined || this.#isUser(who)) return shown;
    return this.#identities?.of(who).sealedAddress(shown);
  }

  /** When it resolves, what was given out can be resolved by this state. Rejects when it cannot be kept. */
  async saved(): Promise<void> {
    await this.#identities?.saved();
  }

  /** A line of the trail as it leaves this machine. */
  outward(line: string): string {
    return readableLine(line, {
      find: (pseudonym) => this.#identities?.find(pseudonym),
      clean: (text) => this.#options.redact.text(text),
    });
  }

  /** Takes over who was forgotten by other processes; gives their `principalKey`s. */
  async refresh(): Promise<readonly string[]> {
    return (await this.#identities?.refresh()) ?? [];
  }

  /** As the log says who somebody is. */
  shown(who: Named): string {
    return this.#isNamed ? nameOf(who) : this.principal(who);
  }

  /**
   * The same log, in which nothing stands of people that may not: a principal in a detail is written by its name or pseudonym,
   * never with its claims; an address, wherever it stands, as far as it may.
   */
  log<Level extends string>(write: Write<Level>): Write<Level> {
    const { addresses, redact } = this.#options;
    const own: Write<Level> =
      addresses === 'full'
        ? (level, text, detail) => write(level, text, detail && this.#named(detail))
        : (level, text, detail) => write(level, redact.text(text), detail && redact.detail(this.#named(detail)));
    return Object.assign(own, write.isOn && { isOn: write.isOn });
  }

  get #isNamed(): boolean {
    return this.#options.identities === 'plain';
  }

  #isUser({ issuer, subject }: Named): boolean {
    const { user } = this.#options;
    return issuer === user.issuer && subject === user.subject;
  }

  #named(detail: Detail): Detail {
    const entries = Object.entries(detail);
    if (!entries.some(([, value]) => isNamed(value))) return detail;
    return Object.fromEntries(entries.map(([name, value]) => [name, isNamed(value) ? this.shown(value) : value]));
  }
}

/** The name of a key, or `ISSUER#SUBJECT`; a subject may hold the sign, an issuer does not. Undefined: neither. */
export function readName(name: string, keyIssuer: string): Named | undefined {
  const at = name.indexOf('#');
  const who =
    at === -1 ? { issuer: keyIssuer, subject: name } : { issuer: name.slice(0, at), subject: name.slice(at + 1) };
  return who.issuer === '' || who.subject === '' ? undefined : who;
}

function isNamed(value: unknown): value is Named {
  const { issuer, subject } = (value ?? {}) as Partial<Record<keyof Named, unknown>>;
  return typeof issuer === 'string' && typeof subject === 'string';
}
