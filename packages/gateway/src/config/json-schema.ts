/**
 * The schema of the configuration as JSON Schema (2020-12), for editors. Apart from schema.ts, because only those who print it
 * need what turns the one into the other.
 */
import { toJsonSchema } from '@valibot/to-json-schema';
import { configSchema } from './schema.ts';

/** The file as people write it. */
export function configJsonSchema(): Record<string, unknown> {
  const { $schema, ...rest } = toJsonSchema(configSchema, {
    typeMode: 'input',
    target: 'draft-2020-12',
    ignoreActions: ['check', 'raw_check'],
    // JSON Schema reads every pattern as one with the flag `u`.
    overrideAction: ({ valibotAction, jsonSchema }) =>
      'requirement' in valibotAction && valibotAction.requirement instanceof RegExp
        ? { ...jsonSchema, pattern: valibotAction.requirement.source }
        : undefined,
    overrideSchema: ({ jsonSchema: { required, ...others } }) => (required?.length === 0 ? others : undefined),
  });
  return { $schema, title: 'Sallyport configuration', ...rest };
}

/** The committed text of `schema/sallyport.schema.json`. */
export function configJsonSchemaText(): string {
  return `${JSON.stringify(configJsonSchema(), null, 2)}\n`;
}
