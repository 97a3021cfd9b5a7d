/** The name of a tool or prompt that policies, pins and the audit go by. */

export { canonicalId } from '@sallyport/wire';
