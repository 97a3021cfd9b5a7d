/**
 * Bodies of requests (Request Body and Encoding Objects, OpenAPI 3.1 §4.8.13 and §4.8.15): JSON, forms, multipart and plain text.
 * Operations that take nothing but another kind are refused by its name.
 */

import { isObject, type JsonObject, type JsonValue } from '@sallyport/wire';
import { DocumentError, type ApiDocument } from './document.ts';
import { inheritedProperties } from './inherited.ts';
import { membersOf } from './members.ts';
import { BadArgument, inQuery, isJsonType, scalarText, type Style } from './parameters.ts';
import { schemaIn } from './schema.ts';

export interface Body {
  readonly kind: 'json' | 'form' | 'multipart' | 'text';
  /** Media type, as it is sent; of multipart without its boundary. */
  readonly type: string;
  readonly required: boolean;
  readonly description: JsonValue | undefined;
  readonly schema: JsonValue;
  /** Of the properties of forms. */
  readonly fields: ReadonlyMap<string, Field>;
}

interface Field {
  readonly isBinary: boolean;
  readonly contentType: string | undefined;
  readonly style: Style;
  readonly explode: boolean;
}

export interface EncodedBody {
  /** `Content-Type`. */
  readonly type: string;
  readonly bytes: Uint8Array;
}

/** In the order of what is taken. */
const KINDS: readonly (readonly [Body['kind'], (type: string) => boolean])[] = [
  ['json', (type) => isJsonType(type) || type === '*/*' || type === 'application/*'],
  ['form', (type) => type === 'application/x-www-form-urlencoded'],
  ['multipart', (type) => type === 'multipart/form-data'],
  ['text', (type) => type === 'text/plain' || type === 'text/*'],
];

/** Throws `DocumentError` for a body that cannot be made. */
export function bodyOf({ requestBody }: JsonObject, document: ApiDocument): Body | undefined {
  if (requestBody === undefined) return undefined;
  const { content, description, required } = document.resolve(requestBody);
  const types = membersOf(content);
  for (const [kind, isKind] of KINDS) {
    const found = types.find(([type]) => isKind(essence(type)));
    if (found === undefined) continue;
    const media = document.resolve(found[1]);
    const schema = schemaIn(media);
    const isForm = kind === 'form' || kind === 'multipart';
    const fields = isForm ? fieldsOf(media, schema, document) : new Map<string, Field>();
    return { kind, type: sentType(kind, found[0]), required: required === true, description, schema, fields };
  }
  if (types.length === 0) return undefined;
  const names = types
    .map(([type]) => JSON.stringify(type.slice(0, 100)))
    .slice(0, 5)
    .join(', ');
  throw new DocumentError(`it takes a body of ${names} alone, which is not made here`);
}

function essence(type: string): string {
  return type.split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

function sentType(kind: Body['kind'], written: string): string {
  if (kind === 'text') return 'text/plain; charset=utf-8';
  const type = essence(written);
  return type.includes('*') ? 'application/json' : type;
}

function fieldsOf({ encoding }: JsonObject, schema: JsonValue, document: ApiDocument): ReadonlyMap<string, Field> {
  return new Map(
    [...inheritedProperties(schema, document)].map(([name, property]) => {
      const written = isObject(encoding) && isObject(encoding[name]) ? encoding[name] : {};
      const { contentType, explode, style } = written;
      const isStyled = style === 'spaceDelimited' || style === 'pipeDelimited' || style === 'deepObject';
      const field: Field = {
        isBinary: isBinary(property, document),
        contentType:
          typeof contentType === 'string' && /^[\w.+-]+\/[\w.+-]+$/.test(contentType) ? contentType : undefined,
        style: isStyled ? style : 'form',
        explode: typeof explode === 'boolean' ? explode : !isStyled,
      };
      return [name, field];
    }),
  );
}

/** Bytes, or a list of them. */
function isBinary(property: JsonValue, document: ApiDocument): boolean {
  if (!isObject(property)) return false;
  const { items, type, ...own } = document.resolve(property);
  // No further: a list of lists has no parts of its own, and may be a list of itself.
  const { contentEncoding, contentMediaType, format } =
    type === 'array' && isObject(items) ? document.resolve(items) : own;
  return format === 'binary' || (contentMediaType !== undefined && contentEncoding === undefined);
}

/** `boundary`: for multipart; nobody can guess it. Throws `BadArgument`. */
export function encodeBody(body: Body, value: JsonValue, boundary: () => string): EncodedBody {
  const { kind, type } = body;
  if (kind === 'json') return { type, bytes: Buffer.from(JSON.stringify(value)) };
  if (kind === 'text') return { type, bytes: Buffer.from(scalarText(value)) };
  if (!isObject(value)) throw new BadArgument('`body` must be an object.');
  if (kind === 'form') return { type, bytes: Buffer.from(formText(body, value)) };
  const mark = boundary();
  return { type: `${type}; boundary=${mark}`, bytes: multipart(body, value, mark) };
}

const PLAIN: Field = { isBinary: false, contentType: undefined, style: 'form', explode: true };

function formText({ fields }: Body, value: JsonObject): string {
  return membersOf(value)
    .flatMap(([name, each]) => {
      const { explode, style } = fields.get(name) ?? PLAIN;
      // Properties of a property would stand beside it and could not be told from it.
      const isNested = isObject(each) && style === 'form';
      return inQuery({ name, style: isNested ? 'json' : style, explode, allowReserved: false }, each);
    })
    .map((pair) => pair.join('='))
    .join('&');
}

/** RFC 7578. */
function multipart({ fields }: Body, value: JsonObject, boundary: string): Uint8Array {
  const parts = membersOf(value).flatMap(([name, each]) => {
    const field = fields.get(name) ?? PLAIN;
    return (Array.isArray(each) ? each : [each]).map((item) => part(name, item, field, boundary));
  });
  return Buffer.concat([...parts, Buffer.from(`--${boundary}--\r\n`)]);
}

function part(name: string, value: JsonValue, { contentType, isBinary: isFile }: Field, boundary: string): Buffer {
  const isComplex = typeof value === 'object' && value !== null;
  const type = contentType ?? (isFile ? 'application/octet-stream' : isComplex ? 'application/json' : undefined);
  const head = [
    `--${boundary}`,
    `content-disposition: form-data; name="${quoted(name)}"${isFile ? `; filename="${quoted(name)}"` : ''}`,
    ...(type === undefined ? [] : [`content-type: ${type}`]),
  ];
  const content = isFile ? fromBase64(name, value) : Buffer.from(scalarText(value));
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), content, Buffer.from('\r\n')]);
}

/** As HTML's multipart encoding has it. */
function quoted(name: string): string {
  return name.toWellFormed().replaceAll('\n', '%0A').replaceAll('\r', '%0D').replaceAll('"', '%22');
}

function fromBase64(name: string, value: JsonValue): Buffer {
  if (typeof value !== 'string' || !/^[A-Za-z0-9+/_-]*={0,2}$/.test(value)) {
    throw new BadArgument(`\`body.${name}\` holds bytes: write them in base64.`);
  }
  return Buffer.from(value, 'base64');
}
