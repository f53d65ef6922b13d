import type { AwsS3 } from './client.ts';

/**
 * Creates a bucket in the client's region, with public access blocked and a tag that says who made it. A bucket that
 * another process of the same account is creating at this moment is as good.
 *
 * The SDK adds the LocationConstraint itself; S3 refuses the one of us-east-1.
 */
export async function createBucket({ sdk, client }: AwsS3, bucket: string, signal: AbortSignal): Promise<void> {
  const options = { abortSignal: signal };
  try {
    await client.send(new sdk.CreateBucketCommand({ Bucket: bucket }), options);
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'BucketAlreadyOwnedByYou') throw error;
  }
  const block = { BlockPublicAcls: true, IgnorePublicAcls: true, BlockPublicPolicy: true, RestrictPublicBuckets: true };
  try {
    const input = { Bucket: bucket, PublicAccessBlockConfiguration: block };
    await client.send(new sdk.PutPublicAccessBlockCommand(input), options);
  } catch (error) {
    // Servers that only speak like S3 have no such thing; AWS never answers this.
    if (!(error instanceof Error) || error.name !== 'NotImplemented') throw error;
  }
  const tags = { TagSet: [{ Key: 'createdBy', Value: 'keystead' }] };
  await client.send(new sdk.PutBucketTaggingCommand({ Bucket: bucket, Tagging: tags }), options);
}
