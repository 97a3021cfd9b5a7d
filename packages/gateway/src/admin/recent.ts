/** The last lines of the log about each server, secrets masked: what an admin reads who has no shell. In memory alone. */

export interface RecentLine {
  /** ISO 8601. */
  readonly time: string;
  readonly level: string;
  readonly text: string;
  readonly detail?: Readonly<Record<string, unknown>>;
}

type Write<Level extends string> = (level: Level, text: string, detail?: Readonly<Record<string, unknown>>) => void;

export interface Recent<Level extends string> {
  /** Writes to the log, and keeps what is about a server. */
  readonly log: Write<Level>;
  /** The oldest first. */
  of(server: string): readonly RecentLine[];
}

export interface RecentOptions<Level extends string> {
  readonly log: Write<Level>;
  readonly redact: {
    text(text: string): string;
    detail(detail: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>>;
  };
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

const LINES = 200;
/** Names that are kept; what is configured comes and goes. */
const SERVERS = 500;

export function createRecent<Level extends string>({ log, now, redact }: RecentOptions<Level>): Recent<Level> {
  const lines = new Map<string, RecentLine[]>();
  return {
    log: (level, text, detail) => {
      log(level, text, detail);
      const server = detail?.['server'];
      // What servers say is of any size and number at these levels, and in the log whoever wants it.
      if (detail === undefined || typeof server !== 'string' || level === 'debug' || level === 'trace') return;
      const { server: _server, ...rest } = detail;
      const kept = lines.get(server) ?? [];
      kept.push({ time: new Date(now()).toISOString(), level, text: redact.text(text), detail: redact.detail(rest) });
      if (kept.length > LINES) kept.shift();
      lines.delete(server);
      lines.set(server, kept);
      if (lines.size > SERVERS) for (const oldest of lines.keys().take(1)) lines.delete(oldest);
    },
    of: (server) => lines.get(server) ?? [],
  };
}
