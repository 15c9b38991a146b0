import type { Schemas } from '../api/client';
import { countText, timeText } from '../parts/numbers';

type Import = Schemas['Import'];

/** What is said of a file in a list. @param ofKinds whether the list has files of items and of counts. */
export function ImportHead({ ofKinds = false }: { readonly ofKinds?: boolean }) {
  return (
    <tr>
      <th scope="col">When</th>
      {ofKinds && <th scope="col">Of</th>}
      <th scope="col">How</th>
      <th scope="col">Outcome</th>
      {['Rows', 'New', 'Changed', 'Errors'].map((name) => (
        <th key={name} scope="col" class="number">
          {name}
        </th>
      ))}
    </tr>
  );
}

/** A file in such a list. */
export function ImportRow({ file, ofKinds = false }: { readonly file: Import; readonly ofKinds?: boolean }) {
  return (
    <tr>
      <th scope="row">
        <a href={`/import/${file.id}`}>{timeText(file.finished_at)}</a>
      </th>
      {ofKinds && <td>{file.kind}</td>}
      <td>{howOf(file)}</td>
      <td>{file.status}</td>
      {[file.rows, file.created, file.updated, file.errors].map((value, index) => (
        <td key={index} class="number">
          {countText(value)}
        </td>
      ))}
    </tr>
  );
}

/** How a file came in. */
export const howOf = ({ source, mode }: Import) => (source === 'startup' ? 'at the start' : mode);
