/**
 * The way to a child's stdin: the messages of one turn of the event loop leave in one write, each on a line of its own (MCP,
 * transports, stdio). Does not limit what waits: it is counted, and the caller decides.
 */
import type { Writable } from 'node:stream';

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;

/** Up to this many bytes a batch is copied together; above, the system gathers it (writev). */
const COPY_BYTES = 64 * 1024;

export interface ChildInput {
  /** Bytes that the system has not taken yet. */
  readonly backlogBytes: number;
  /** Without effect once the input is ended or broken. */
  send(message: string | Buffer): void;
  /** Writes what waits and closes the input. */
  end(): void;
}

export function childInput(stdin: Writable): ChildInput {
  let batch: (string | Buffer)[] = [];
  let batchBytes = 0;

  const flush = (): void => {
    const [messages, bytes] = [batch, batchBytes];
    batch = [];
    batchBytes = 0;
    if (messages.length === 0 || !stdin.writable) return;
    if (bytes <= COPY_BYTES) {
      stdin.write(joined(messages, bytes));
      return;
    }
    stdin.cork();
    for (const message of messages) writeLine(stdin, message);
    stdin.uncork();
  };

  return {
    get backlogBytes() {
      return batchBytes + stdin.writableLength;
    },
    send(message) {
      if (!stdin.writable) return;
      const line = oneLine(message);
      // Not a microtask: those run between two requests that arrive in the same turn, and nothing would be batched.
      if (batch.push(line) === 1) setImmediate(flush);
      batchBytes += Buffer.byteLength(line) + 1;
    },
    end() {
      flush();
      stdin.end();
    },
  };
}

/**
 * A line break in JSON can only be white space between tokens, so a space says the same. Left in, it would end the message
 * early and let a client's body smuggle a message of its own to a shared child. CR too: Python and Node readers end lines there.
 */
function oneLine(message: string | Buffer): string | Buffer {
  if (typeof message === 'string') {
    return message.includes('\n') || message.includes('\r') ? message.replace(/[\r\n]/g, ' ') : message;
  }
  if (!message.includes(NEWLINE) && !message.includes(CARRIAGE_RETURN)) return message;
  return Buffer.from(message.map((byte) => (byte === NEWLINE || byte === CARRIAGE_RETURN ? SPACE : byte)));
}

function joined(messages: readonly (string | Buffer)[], bytes: number): Buffer {
  const lines = Buffer.allocUnsafe(bytes);
  let at = 0;
  for (const message of messages) {
    at += typeof message === 'string' ? lines.write(message, at) : message.copy(lines, at);
    lines[at] = NEWLINE;
    at += 1;
  }
  return lines;
}

/** Always bytes: a stream counts a waiting string by its characters, and the backlog would be told too small. */
function writeLine(stdin: Writable, message: string | Buffer): void {
  if (typeof message === 'string') {
    stdin.write(Buffer.from(`${message}\n`));
  } else {
    stdin.write(message);
    stdin.write(Buffer.of(NEWLINE));
  }
}
