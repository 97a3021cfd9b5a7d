/**
 * Server-Sent Events as bytes (WHATWG HTML §9.2): writing one event, and reading a stream in any chunking.
 * The reader keeps an event's data as bytes, so a large message is not turned into text on its way through. It does
 * not connect, reconnect or look into the data.
 */
const LF = 0x0a;
const CR = 0x0d;
const COLON = 0x3a;
const SPACE = 0x20;
const BYTE_ORDER_MARK = Buffer.of(0xef, 0xbb, 0xbf);
const NOTHING = Buffer.alloc(0);
/** At most eleven days: longer is a mistake of the server and is not obeyed. */
const RETRY = /^\d{1,9}$/;
/** A comment that keeps a connection alive. */
export const SSE_HEARTBEAT = ': \n\n';
/** Text that may stand in a field: a line break or NUL in it would start another field. */
function fieldText(value) {
    return value.replace(/[\r\n\0]/g, '');
}
/** The lines before the data of an event. */
export function sseHead(fields) {
    let head = '';
    if (fields.event !== undefined)
        head += `event: ${fieldText(fields.event)}\n`;
    if (fields.id !== undefined)
        head += `id: ${fieldText(fields.id)}\n`;
    if (fields.retry !== undefined)
        head += `retry: ${fields.retry}\n`;
    return head;
}
/**
 * One whole event. Every line of the data gets its own `data:` field, so data can never end the event; a reader sees
 * each of its line breaks as LF, which in JSON is white space like the others.
 */
export function sseEvent(data, fields = {}) {
    const lines = /[\r\n]/.test(data) ? data.split(/\r\n|\r|\n/).join('\ndata: ') : data;
    return `${sseHead(fields)}data: ${lines}\n\n`;
}
/** True when bytes can stand behind `data: ` as they are. */
export function isSingleLine(bytes) {
    return bytes.indexOf(LF) === -1 && bytes.indexOf(CR) === -1;
}
/** Reads a stream of events. Never throws on what it reads. */
export function createSseReader(options) {
    return new Reader(options);
}
class Reader {
    #options;
    #line = new PartialLine();
    #event = new PendingEvent();
    #firstLine = true;
    #afterCr = false;
    #dead = false;
    constructor(options) {
        this.#options = options;
    }
    get lastId() {
        return this.#event.lastId;
    }
    get retryMs() {
        return this.#event.retryMs;
    }
    push(chunk) {
        let at = 0;
        if (this.#afterCr && chunk.length > 0) {
            this.#afterCr = false;
            if (chunk[0] === LF)
                at = 1;
        }
        const breaks = new Breaks(chunk);
        while (at < chunk.length && !this.#dead) {
            const end = breaks.next(at);
            if (end === -1) {
                this.#hold(chunk.subarray(at));
                return;
            }
            this.#endLine(chunk.subarray(at, end));
            at = end + 1;
            if (chunk[end] === LF)
                continue;
            if (at === chunk.length)
                this.#afterCr = true;
            else if (chunk[at] === LF)
                at++;
        }
    }
    #hold(part) {
        if (this.#fits(part.length))
            this.#line.add(part);
    }
    #endLine(part) {
        if (!this.#fits(part.length))
            return;
        let line = this.#line.end(part);
        if (this.#firstLine) {
            this.#firstLine = false;
            if (line.subarray(0, 3).equals(BYTE_ORDER_MARK))
                line = line.subarray(3);
        }
        if (line.length > 0)
            return this.#event.takeLine(line);
        const event = this.#event.end();
        if (event !== undefined)
            this.#options.onEvent(event);
    }
    #fits(more) {
        if (this.#event.bytes + this.#line.length + more <= this.#options.maxEventBytes)
            return true;
        this.#dead = true;
        this.#line.drop();
        this.#event.drop();
        this.#options.onOversize();
        return false;
    }
}
/** The line breaks of one chunk. Each of the two searches runs over the chunk once, whatever the chunk holds. */
class Breaks {
    #chunk;
    #lf = -2;
    #cr = -2;
    constructor(chunk) {
        this.#chunk = chunk;
    }
    /** The first CR or LF at or after `from`, which never goes back; -1 when there is none. */
    next(from) {
        if (this.#lf !== -1 && this.#lf < from)
            this.#lf = this.#chunk.indexOf(LF, from);
        if (this.#cr !== -1 && this.#cr < from)
            this.#cr = this.#chunk.indexOf(CR, from);
        if (this.#lf === -1 || this.#cr === -1)
            return Math.max(this.#lf, this.#cr);
        return Math.min(this.#lf, this.#cr);
    }
}
/** Pieces of a line below this size are copied: a view of each would cost more than what it shows. */
const COPIED_BYTES = 1024;
const BLOCK_BYTES = 4096;
/** The start of a line whose end has not arrived, in memory of about its own size however small its pieces are. */
class PartialLine {
    #parts = [];
    /** Where small pieces are copied to: `[from, to)` is not in `#parts` yet. */
    #block = NOTHING;
    #from = 0;
    #to = 0;
    length = 0;
    add(part) {
        this.length += part.length;
        if (part.length >= COPIED_BYTES) {
            this.#closeBlock();
            this.#parts.push(part);
            return;
        }
        if (part.length > this.#block.length - this.#to) {
            this.#closeBlock();
            this.#block = Buffer.allocUnsafe(BLOCK_BYTES);
            this.#from = 0;
            this.#to = 0;
        }
        this.#to += part.copy(this.#block, this.#to);
    }
    /** The whole line, with its last part. */
    end(part) {
        if (this.length === 0)
            return part;
        this.#closeBlock();
        const line = Buffer.concat([...this.#parts, part], this.length + part.length);
        this.drop();
        return line;
    }
    drop() {
        this.#parts = [];
        this.#block = NOTHING;
        this.#from = 0;
        this.#to = 0;
        this.length = 0;
    }
    #closeBlock() {
        if (this.#to > this.#from)
            this.#parts.push(this.#block.subarray(this.#from, this.#to));
        this.#from = this.#to;
    }
}
/** The fields of the event that is being read, and what the stream keeps from event to event. */
class PendingEvent {
    #data = [];
    #name = '';
    #id;
    lastId;
    retryMs;
    /** Bytes of the lines so far. A comment before any field counts nothing: nothing of it is kept. */
    bytes = 0;
    takeLine(line) {
        const colon = line.indexOf(COLON);
        if (colon === 0 && this.bytes === 0)
            return;
        this.bytes += line.length + 1;
        if (colon === -1)
            this.#takeField(line.toString('latin1'), NOTHING);
        else if (colon > 0) {
            const from = line[colon + 1] === SPACE ? colon + 2 : colon + 1;
            this.#takeField(line.toString('latin1', 0, colon), line.subarray(from));
        }
    }
    #takeField(name, value) {
        if (name === 'data')
            this.#data.push(value);
        else if (name === 'event')
            this.#name = value.toString('utf8');
        else if (name === 'id' && !value.includes(0))
            this.#id = value.toString('utf8');
        else if (name === 'retry' && RETRY.test(value.toString('latin1')))
            this.retryMs = Number(value.toString('latin1'));
    }
    /** Ends the event at its blank line. Undefined when it has no data: its id counts all the same. */
    end() {
        if (this.#id !== undefined)
            this.lastId = this.#id === '' ? undefined : this.#id;
        const event = { event: this.#name === '' ? 'message' : this.#name, data: joinLines(this.#data), id: this.lastId };
        const hasData = this.#data.length > 0;
        this.drop();
        return hasData ? event : undefined;
    }
    drop() {
        this.#data = [];
        this.#name = '';
        this.#id = undefined;
        this.bytes = 0;
    }
}
function joinLines(lines) {
    if (lines.length <= 1)
        return lines[0] ?? NOTHING;
    const newline = Buffer.of(LF);
    return Buffer.concat(lines.flatMap((line, index) => (index === 0 ? [line] : [newline, line])));
}
