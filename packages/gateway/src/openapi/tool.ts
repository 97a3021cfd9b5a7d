/**
 * One operation as an MCP tool: its definition, and what is needed to call it. Whatever in the document cannot be kept to is a
 * refusal by name; nothing is left out of what a caller must give.
 */

import { compileSchema, linearPattern, type SchemaCheck } from '@sallyport/server/schema';
import { isObject, type JsonObject, type JsonValue } from '@sallyport/wire';
import { bodyOf, type Body } from './body.ts';
import { DocumentError, type ApiDocument } from './document.ts';
import { membersOf } from './members.ts';
import type { Operation } from './operations.ts';
import { pagesText, type PageParameter } from './pages.ts';
import { isJsonType, parametersOf, type Parameter } from './parameters.ts';
import { schemaIn, Schemas } from './schema.ts';
import { requirementsOf, type Requirement, type Scheme } from './security.ts';
import { baseOf } from './server-url.ts';
import { plainText } from './texts.ts';

export interface Argument {
  /** As callers name it. */
  readonly name: string;
  readonly parameter: Parameter;
}

export interface ApiTool {
  readonly operation: Operation;
  /** As `tools/list` has it. */
  readonly definition: JsonObject;
  readonly arguments: readonly Argument[];
  readonly body: Body | undefined;
  readonly requirements: readonly Requirement[];
  /** Where it is; its path ends without a slash. */
  readonly base: URL;
  readonly pages: readonly PageParameter[];
  /** Absent: nothing is promised of its answers. */
  readonly checkOutput: SchemaCheck | undefined;
}

export interface ToolContext {
  readonly document: ApiDocument;
  readonly schemes: ReadonlyMap<string, Scheme>;
  /** As the operator wrote it. */
  readonly server: string | undefined;
  /** The URL of the document. */
  readonly source: string | undefined;
  /** Names, lower case, of headers that the operator has sent. */
  readonly headers: ReadonlySet<string>;
  readonly pagination: boolean;
}

/** The argument that is the body. */
export const BODY = 'body';

/** Characters of a description, without what is added. */
const MAX_DESCRIPTION = 1000;
/** Characters of a definition. */
const MAX_DEFINITION = 96 * 1024;
/** Of what is asked for, so many subschemas are tried where those before came to more than that. */
const MAX_PARTS = [1000, 250, 50];
/** What the transport says, who is trusted, or what would make another request of it than the tool is: never a caller's. */
const OWN_HEADERS =
  /^(?:accept|accept-encoding|authorization|connection|content-(?:length|type|encoding)|cookie|cookie2|date|expect|forwarded|host|keep-alive|origin|proxy-.*|referer|sec-.*|te|trailer|transfer-encoding|upgrade|user-agent|via|x-forwarded-.*|x-http-method(?:-override)?|x-method-override|x-original-(?:method|url|uri|host)|x-real-ip|x-rewrite-url|x-host|(?:x-client|x-cluster-client|true-client|fastly-client|cf-connecting)-ip|x-remote-(?:addr|ip|user)|remote-(?:addr|user)|http2-settings|set-cookie)$/;

/** Throws `DocumentError` that says why it cannot be a tool. */
export function toolOf(operation: Operation, context: ToolContext): ApiTool {
  const { document } = context;
  const parameters = parametersOf(operation.item, operation.value, document).filter((each) => isCallers(each, context));
  checkTemplate(operation.path, parameters);
  const args = named(parameters);
  const body = bodyOf(operation.value, document);
  const pages = context.pagination ? pageParameters(args, document) : [];
  const definition = smallDefinition(operation, { args, body, pages }, context);
  const output = outputOf(operation, context);
  const whole = output === undefined ? definition : { ...definition, outputSchema: output.schema };
  const isSmall = JSON.stringify(whole).length <= MAX_DEFINITION;
  return {
    operation,
    definition: isSmall ? whole : definition,
    arguments: args,
    body,
    requirements: requirementsOf(operation.value, document),
    base: baseOf(operation, context),
    pages,
    checkOutput: isSmall ? output?.check : undefined,
  };
}

/** Credentials and what the transport says are not asked of callers. Throws when one of them is needed. */
function isCallers(parameter: Parameter, { headers, schemes }: ToolContext): boolean {
  const name = parameter.name.toLowerCase();
  const isCredential = [...schemes.values()].some(
    (scheme) =>
      scheme.kind === 'apiKey' &&
      scheme.in === parameter.in &&
      (scheme.in === 'header' ? scheme.name.toLowerCase() === name : scheme.name === parameter.name),
  );
  if (isCredential || (parameter.in === 'header' && headers.has(name))) return false;
  if (parameter.in !== 'header') return true;
  if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name)) {
    throw new DocumentError(`its header ${JSON.stringify(parameter.name)} is no name of a header`);
  }
  if (!OWN_HEADERS.test(name)) return true;
  // These are to be ignored where they are written (OpenAPI 3.1 §4.8.12.2).
  if (parameter.required && !['accept', 'authorization', 'content-type'].includes(name)) {
    throw new DocumentError(
      `it needs the header ${JSON.stringify(parameter.name)}, which is not a caller's to say: write it in \`headers\``,
    );
  }
  return false;
}

function checkTemplate(path: string, parameters: readonly Parameter[]): void {
  const known = new Set(parameters.filter((each) => each.in === 'path').map(({ name }) => name));
  const used = [...path.matchAll(/\{([^{}]*)\}/g)].map(([, name = '']) => name);
  const unknown = used.find((name) => !known.has(name));
  if (unknown !== undefined)
    throw new DocumentError(`its path has {${unknown.slice(0, 60)}}, which is no parameter of it`);
  if (/[{}]/.test(path.replaceAll(/\{[^{}]*\}/g, ''))) throw new DocumentError('its path has a brace too many');
}

/** Names that all model APIs take; where two are the same, the place stands before them. */
function named(parameters: readonly Parameter[]): readonly Argument[] {
  const clean = (text: string): string =>
    text
      .replaceAll(/[^A-Za-z0-9_.-]+/g, '_')
      .replaceAll(/^_+|_+$/g, '')
      .slice(0, 56);
  const plain = parameters.map(({ name }) => clean(name));
  const taken = new Set([BODY]);
  return parameters.map((parameter, index) => {
    const own = plain[index] ?? '';
    const isAlone = own !== '' && own !== BODY && plain.indexOf(own) === plain.lastIndexOf(own);
    let name = isAlone ? own : `${parameter.in}_${own}`.slice(0, 60);
    for (let number = 2; taken.has(name); number++) name = `${parameter.in}_${own}`.slice(0, 56) + `_${number}`;
    taken.add(name);
    return { name, parameter };
  });
}

function pageParameters(args: readonly Argument[], document: ApiDocument): readonly PageParameter[] {
  return args
    .filter(({ parameter }) => parameter.in === 'query')
    .map(({ name: argument, parameter: { name, schema } }) => {
      const { type } = isObject(schema) ? document.resolve(schema) : {};
      return { name, argument, isNumber: type === 'integer' || type === 'number' };
    });
}

interface Asked {
  readonly args: readonly Argument[];
  readonly body: Body | undefined;
  readonly pages: readonly PageParameter[];
}

/** What goes beyond the last of those parts says nothing. */
function smallDefinition(operation: Operation, asked: Asked, context: ToolContext): JsonObject {
  for (const maxParts of MAX_PARTS) {
    const definition = definitionOf(operation, asked, { ...context, maxParts });
    if (JSON.stringify(definition).length <= MAX_DEFINITION) return checked(definition);
  }
  throw new DocumentError('its schema is too large');
}

function checked(definition: JsonObject): JsonObject {
  try {
    compileSchema(definition['inputSchema'] as JsonObject, linearPattern);
  } catch (error) {
    throw new DocumentError(`its schema cannot be checked by: ${(error as Error).message}`);
  }
  return definition;
}

function definitionOf(
  operation: Operation,
  { args, body, pages }: Asked,
  context: ToolContext & { readonly maxParts: number },
): JsonObject {
  const { key, method, name, value } = operation;
  const title = plainText(value['summary'], 100);
  const about = [
    title,
    plainText(value['description'], MAX_DESCRIPTION),
    value['deprecated'] === true ? 'Deprecated.' : undefined,
    pagesText(pages),
    `(${key})`,
  ];
  return {
    name,
    ...(title !== undefined && { title }),
    description: [...new Set(about)].filter((line) => line !== undefined).join('\n'),
    inputSchema: inputOf(args, body, context),
    annotations: annotationsOf(method),
  };
}

/** By what the methods mean (RFC 9110 §9.2). What is not known is left to what clients must assume. */
function annotationsOf(method: string): JsonObject {
  if (method === 'GET' || method === 'HEAD' || method === 'OPTIONS') return { readOnlyHint: true, openWorldHint: true };
  return {
    readOnlyHint: false,
    ...(method === 'DELETE' && { destructiveHint: true }),
    ...((method === 'PUT' || method === 'DELETE') && { idempotentHint: true }),
    openWorldHint: true,
  };
}

function inputOf(
  args: readonly Argument[],
  body: Body | undefined,
  context: ToolContext & { readonly maxParts: number },
): JsonObject {
  const schemas = new Schemas({ ...context, direction: 'in', hasFiles: body?.kind === 'multipart' });
  const described = (schema: JsonValue, description: JsonValue | undefined): JsonValue => {
    const text = plainText(description, 300);
    return text === undefined || !isObject(schema) ? schema : { ...schema, description: text };
  };
  const properties = args.map(({ name, parameter }): [string, JsonValue] => [
    name,
    described(schemas.convert(parameter.schema), parameter.description),
  ]);
  if (body !== undefined) properties.push([BODY, described(schemas.convert(body.schema), body.description)]);
  const required = [
    ...args.filter(({ parameter }) => parameter.required).map(({ name }) => name),
    ...(body?.required === true ? [BODY] : []),
  ];
  return {
    type: 'object',
    properties: Object.fromEntries(properties),
    ...(required.length > 0 && { required }),
    additionalProperties: false,
    ...schemas.definitions,
  };
}

/** Of the one good answer that there is, where that is a JSON object: whoever promises a shape must always keep to it. */
function outputOf(
  { method, value }: Operation,
  context: ToolContext,
): { readonly schema: JsonObject; readonly check: SchemaCheck } | undefined {
  const { document } = context;
  const responses = membersOf(value['responses']);
  const good = responses.filter(([status]) => status.startsWith('2'));
  const [[status, response] = []] = good;
  if (good.length !== 1 || status === '204' || method === 'HEAD') return undefined;
  try {
    const { content } = document.resolve(response);
    const types = membersOf(content);
    const [only] = types;
    if (only === undefined || types.length > 1 || !isJsonType(only[0])) return undefined;
    const schemas = new Schemas({ ...context, direction: 'out', hasFiles: false });
    const schema = schemas.convertWhole(schemaIn(document.resolve(only[1])));
    if (!isObject(schema) || schema['type'] !== 'object') return undefined;
    const whole = { ...schema, ...schemas.definitions };
    return { schema: whole, check: compileSchema(whole, linearPattern) };
  } catch {
    // It is a promise less, and the tool is none the worse.
    return undefined;
  }
}
