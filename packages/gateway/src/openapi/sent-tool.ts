/**
 * Tools as they pass from the thread that reads a document: what is needed to call them, and nothing of the document besides. What
 * cannot pass, a check and a URL, is made anew where it arrives.
 */

import { compileSchema, linearPattern, type SchemaCheck } from '@sallyport/server/schema';
import type { JsonObject } from '@sallyport/wire';
import type { ApiTool } from './tool.ts';

export interface SentTool extends Omit<ApiTool, 'base' | 'checkOutput'> {
  readonly base: string;
  /** Whether its answers are held against its `outputSchema`. */
  readonly isChecked: boolean;
}

export function sentTool({ base, checkOutput, ...tool }: ApiTool): SentTool {
  const { body, operation } = tool;
  return {
    ...tool,
    operation: { ...operation, value: {}, item: {} },
    arguments: tool.arguments.map(({ name, parameter }) => ({
      name,
      parameter: { ...parameter, schema: true, description: undefined },
    })),
    body: body && { ...body, schema: true, description: undefined },
    base: base.href,
    isChecked: checkOutput !== undefined,
  };
}

export function arrivedTool({ base, isChecked, ...tool }: SentTool): ApiTool {
  const schema = tool.definition['outputSchema'] as JsonObject;
  let check: SchemaCheck | undefined;
  // When it is first needed: of many tools few are called.
  const checkOutput: SchemaCheck = (value) => (check ??= compileSchema(schema, linearPattern))(value);
  return { ...tool, base: new URL(base), checkOutput: isChecked ? checkOutput : undefined };
}
