/** What a region of AWS looks like, as a pattern of JSON Schema: it becomes a part of an address. */
export const AWS_REGION = '^[a-z0-9-]{1,63}$';

/** Whether a text may be a region of AWS. */
export function isAwsRegion(text: string): boolean {
  return new RegExp(AWS_REGION).test(text);
}
