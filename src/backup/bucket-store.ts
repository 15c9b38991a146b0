import { Readable } from 'node:stream';
import type { CompletedPart, S3Client, S3ServiceException } from '@aws-sdk/client-s3';
import { hasErrorCode, UserError } from '../errors.js';
import type { BucketSettings } from '../project/settings-file.js';
import { SETTINGS_FILE } from '../project/settings-path.js';
import type { Digest } from './archive-file.js';
import { type CopyStore, type TransferOptions, unreachable } from './copy-store.js';
import { PartReader } from './part-reader.js';

/**
 * Limits of S3: each part of an upload but the last has at least 5 MiB, and there are at most 10,000 parts.
 */
const PART_BYTES = 5 * 1024 * 1024;
const MAXIMUM_PARTS = 10_000;
/** Largest total size of the parts that are sent at the same time. */
const MEMORY_BYTES = 4 * PART_BYTES;
const CONNECT_MS = 10_000;
/** Time limit in milliseconds without a byte in either direction. */
const IDLE_MS = 60_000;

interface BucketObject {
  Bucket: string;
  Key: string;
}

type Client = typeof import('@aws-sdk/client-s3');

/** Copies in a bucket of Amazon S3, or of a server with the same protocol. */
export class BucketStore implements CopyStore {
  readonly address: string;
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #sdk: Client;
  readonly #client: S3Client;

  private constructor({ bucket, prefix }: BucketSettings, sdk: Client, client: S3Client) {
    this.#bucket = bucket;
    this.#prefix = prefix === undefined ? '' : `${prefix.replaceAll(/^\/+|\/+$/g, '')}/`;
    this.address = `s3://${bucket}/${this.#prefix}`.replace(/\/$/, '');
    this.#sdk = sdk;
    this.#client = client;
  }

  /**
   * Credentials and region come from the places that the AWS tools use: the environment, `~/.aws`, the
   * machine's role.
   * @throws UserError S3_CLIENT_MISSING
   */
  static async open(settings: BucketSettings): Promise<BucketStore> {
    // On Node 20 the client prints at each start which later Node version it will require.
    process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
    const sdk = await clientPackage();
    const { endpoint, region } = settings;
    const client = new sdk.S3Client({
      // Other servers than Amazon's usually have one region, and require some name for it.
      ...(region !== undefined ? { region } : endpoint === undefined ? {} : { region: 'us-east-1' }),
      ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
      // Not every server supports the checksums that Amazon added in 2024. The manifest's SHA-256 is enough.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      // If a server does not answer `Expect: 100-continue`, each part would wait six seconds.
      expectContinueHeader: false,
      requestHandler: { connectionTimeout: CONNECT_MS, socketTimeout: IDLE_MS },
    });
    return new BucketStore(settings, sdk, client);
  }

  folder(name: string): CopyStore {
    const settings = { bucket: this.#bucket, prefix: `${this.#prefix}${name}` };
    return new BucketStore(settings, this.#sdk, this.#client);
  }

  async names(): Promise<string[]> {
    return this.#try(async () => {
      const pages = this.#sdk.paginateListObjectsV2(
        { client: this.#client },
        { Bucket: this.#bucket, Prefix: this.#prefix, Delimiter: '/' },
      );
      const names: string[] = [];
      for await (const { Contents = [] } of pages) {
        for (const { Key } of Contents) if (Key) names.push(Key.slice(this.#prefix.length));
      }
      return names;
    });
  }

  async readText(name: string): Promise<string | undefined> {
    return this.#try(async () => {
      try {
        const { Body } = await this.#client.send(new this.#sdk.GetObjectCommand(this.#object(name)));
        return await Body?.transformToString();
      } catch (error) {
        if (error instanceof this.#sdk.NoSuchKey) return undefined;
        throw error;
      }
    });
  }

  async writeText(name: string, text: string): Promise<void> {
    await this.#try(() =>
      this.#client.send(
        new this.#sdk.PutObjectCommand({
          ...this.#object(name),
          Body: text,
          ContentType: 'application/json',
        }),
      ),
    );
  }

  async writeBytes(name: string, content: Uint8Array, signal: AbortSignal): Promise<void> {
    await this.#try(
      () =>
        this.#client.send(new this.#sdk.PutObjectCommand({ ...this.#object(name), Body: content }), {
          abortSignal: signal,
        }),
      signal,
    );
  }

  async read(name: string, signal: AbortSignal): Promise<Readable> {
    return this.#try(async () => {
      const { Body } = await this.#client.send(new this.#sdk.GetObjectCommand(this.#object(name)), {
        abortSignal: signal,
      });
      const content = Body as Readable;
      const explained = async function* (explain: (error: unknown) => unknown) {
        try {
          yield* content;
        } catch (error) {
          throw explain(error);
        }
      };
      return Readable.from(
        explained((error) => this.#explain(error)),
        { objectMode: false },
      );
    }, signal);
  }

  async write(
    name: string,
    file: string,
    { bytes, ...options }: TransferOptions & { bytes: number },
  ): Promise<Digest> {
    return this.#try(async () => {
      const source = await PartReader.open(file);
      try {
        await this.#upload(this.#object(name), source, { ...options, partBytes: partBytesOf(bytes) });
        return source.digest();
      } finally {
        await source.close();
      }
    }, options.signal);
  }

  async #upload(
    object: BucketObject,
    source: PartReader,
    options: TransferOptions & { partBytes: number },
  ): Promise<void> {
    const { UploadId } = await this.#client.send(new this.#sdk.CreateMultipartUploadCommand(object), {
      abortSignal: options.signal,
    });
    const upload = { ...object, UploadId };
    try {
      const Parts = await this.#sendParts(upload, source, options);
      await this.#client.send(
        new this.#sdk.CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts } }),
        { abortSignal: options.signal },
      );
    } catch (error) {
      // Without the signal, which may be the reason for the abort. If this fails, the bucket's own lifecycle
      // rule removes the parts.
      await this.#client.send(new this.#sdk.AbortMultipartUploadCommand(upload)).catch(() => {});
      throw error;
    }
  }

  /** Resolves or rejects only after no part is being sent any more. */
  async #sendParts(
    upload: BucketObject & { UploadId: string | undefined },
    source: PartReader,
    { partBytes, signal, onBytes }: TransferOptions & { partBytes: number },
  ): Promise<CompletedPart[]> {
    const sent: CompletedPart[] = [];
    let total = 0;
    const failure = new AbortController();
    const abortSignal = AbortSignal.any([signal, failure.signal]);
    const send = async () => {
      const memory = Buffer.allocUnsafeSlow(partBytes);
      for (;;) {
        const part = await source.next(memory);
        abortSignal.throwIfAborted();
        if (!part) return;
        const { number: PartNumber, content: Body } = part;
        const { ETag } = await this.#client.send(
          new this.#sdk.UploadPartCommand({ ...upload, PartNumber, Body }),
          { abortSignal },
        );
        sent[PartNumber - 1] = { PartNumber, ETag };
        total += Body.length;
        onBytes?.(total);
      }
    };
    const senders = Math.max(1, Math.floor(MEMORY_BYTES / partBytes));
    await Promise.all(Array.from({ length: senders }, () => send().catch((error) => failure.abort(error))));
    abortSignal.throwIfAborted();
    return sent;
  }

  async remove(name: string): Promise<void> {
    await this.#try(() => this.#client.send(new this.#sdk.DeleteObjectCommand(this.#object(name))));
  }

  #object(name: string): BucketObject {
    return { Bucket: this.#bucket, Key: `${this.#prefix}${name}` };
  }

  async #try<T>(step: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    try {
      return await step();
    } catch (error) {
      signal?.throwIfAborted();
      throw this.#explain(error);
    }
  }

  #explain(error: unknown): unknown {
    if (error instanceof UserError || !(error instanceof Error)) return error;
    const { name, message } = error;
    const code = 'code' in error ? String(error.code) : '';
    if (name === 'CredentialsProviderError') {
      return unreachable(
        this.address,
        'no credentials were found',
        'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, before the same command',
        error,
      );
    }
    if (/^Region (is missing|not accepted)/.test(message)) {
      return unreachable(
        this.address,
        'its region is not known',
        `AWS_REGION before the same command, or backup.copyTo.region in ${SETTINGS_FILE}`,
        error,
      );
    }
    if (error instanceof this.#sdk.S3ServiceException) {
      return unreachable(this.address, refusal(error), hintOf(error), error);
    }
    if (name === 'TimeoutError' || code !== '') {
      return unreachable(
        this.address,
        `it does not answer (${code || message})`,
        connectionHint(code),
        error,
      );
    }
    return error;
  }
}

function refusal({ name, message, $metadata }: S3ServiceException): string {
  return `${name}${message && message !== name ? `: ${message}` : ''} (HTTP ${$metadata.httpStatusCode})`;
}

function hintOf({ name, $metadata }: S3ServiceException): string {
  const { httpStatusCode = 0 } = $metadata;
  if (name === 'NoSuchBucket') return `make the bucket, or mend backup.copyTo.bucket in ${SETTINGS_FILE}`;
  if (name === 'SignatureDoesNotMatch' || /^(Invalid|Expired)(AccessKeyId|Token)$/.test(name)) {
    return 'look at AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or at AWS_PROFILE: this server refuses what they name';
  }
  if (httpStatusCode === 403) {
    return 'the credentials need s3:ListBucket of the bucket, and s3:GetObject, s3:PutObject and s3:DeleteObject in it';
  }
  if (httpStatusCode >= 300 && httpStatusCode < 500 && httpStatusCode !== 429) {
    return `look at backup.copyTo in ${SETTINGS_FILE}: its bucket, endpoint and region`;
  }
  return 'run the same command again later';
}

/** @param code error code of Node's network or TLS layer */
function connectionHint(code: string): string {
  const endpoint = `backup.copyTo.endpoint in ${SETTINGS_FILE}`;
  if (code === 'EPROTO') return `look at ${endpoint}: this server answers http:// there, not https://`;
  if (/CERT|SIGNATURE/.test(code)) {
    return `look at ${endpoint}; a certificate of your own authority: NODE_EXTRA_CA_CERTS=FILE before the same command`;
  }
  return `look at ${endpoint}, and at the network`;
}

function partBytesOf(bytes: number): number {
  return Math.max(PART_BYTES, Math.ceil(bytes / MAXIMUM_PARTS));
}

/**
 * Loads Amazon's client. It would be a fifth of the installation's size and few need it, so users of a bucket
 * install it themselves.
 * @throws UserError S3_CLIENT_MISSING
 */
async function clientPackage(): Promise<Client> {
  try {
    return await import('@aws-sdk/client-s3');
  } catch (error) {
    if (!hasErrorCode(error, 'ERR_MODULE_NOT_FOUND')) throw error;
    throw new UserError({
      code: 'S3_CLIENT_MISSING',
      message: "a bucket needs Amazon's client, which invctl does not bring",
      hint: 'npm install --global @aws-sdk/client-s3@3.1169      (without --global where invctl is installed in a project)',
      cause: error,
    });
  }
}
