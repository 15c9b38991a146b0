import { type PassThrough, Writable } from 'node:stream';

/**
 * Writes a stream into a sink and to a reader. A reader that stops reading early does not block the sink.
 * Neither is ended.
 */
export function intoBoth(sink: Writable, reader: PassThrough): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      const written = new Promise<void>((resolve, reject) => {
        sink.write(chunk, (error) => (error ? reject(error) : resolve()));
      });
      const taken = new Promise<void>((resolve) => {
        if (reader.destroyed || reader.write(chunk)) return resolve();
        const goOn = () => {
          reader.off('drain', goOn).off('close', goOn);
          resolve();
        };
        reader.on('drain', goOn).on('close', goOn);
      });
      Promise.all([written, taken]).then(() => done(), done);
    },
  });
}
