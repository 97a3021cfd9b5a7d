/** `@sallyport/server/limits`: token buckets in bounded tables, and how what they say is told. */

export { fullInMs, hasRoom, refill, remaining, roomInMs, take, type Bucket, type Rate } from './limits/bucket.ts';
export { retryAfterSeconds, spentHeaders, spentOf, type Spent } from './limits/exceeded.ts';
export { createBucketTable, type BucketTable } from './limits/table.ts';
export { durationText, numberText, rateText, sizeText } from './limits/text.ts';
