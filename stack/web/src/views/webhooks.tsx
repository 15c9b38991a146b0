import { useState } from 'preact/hooks';
import { answer, api, type Schemas } from '../api/client';
import { type Action, useAction } from '../parts/action';
import { Field } from '../parts/field';
import { FailureNotice, Notice } from '../parts/notice';
import { countText, timeText } from '../parts/numbers';
import { Paged } from '../parts/paged';
import { Secret } from '../parts/secret';
import { SureButton } from '../parts/sure-button';
import { View } from '../parts/view';

type Webhook = Schemas['Webhook'];
type EventType = Webhook['events'][number];

const EVENTS: readonly EventType[] = [
  'stock.moved',
  'item.created',
  'item.updated',
  'item.archived',
  'category.created',
  'category.updated',
  'category.deleted',
  'supplier.created',
  'supplier.updated',
  'supplier.deleted',
  'location.created',
  'location.updated',
  'location.deleted',
  'import.applied',
];

export default function WebhooksView() {
  const [round, setRound] = useState(0);
  const [secret, setSecret] = useState<{ readonly url: string; readonly secret: string }>();
  const [shown, setShown] = useState<number>();
  const action = useAction();
  const refresh = () => setRound((before) => before + 1);

  return (
    <View
      title="Webhooks"
      about="Who is told of changes: in order, at least once, until the receiver has taken it."
    >
      <FailureNotice failure={action.failure} />
      {action.said && <Notice>{action.said}</Notice>}
      {secret && <Secret what={`This is the secret of ${secret.url}.`} secret={secret.secret} />}
      <Paged
        label="Webhooks"
        inputs={[round]}
        read={(cursor) => answer(api.GET('/api/v1/webhooks', { params: { query: { cursor, limit: 50 } } }))}
        head={
          <tr>
            <th scope="col">Receiver</th>
            <th scope="col">Told of</th>
            <th scope="col">State</th>
            <th scope="col" class="number">
              Waiting
            </th>
            <th scope="col">
              <span class="hidden">Actions</span>
            </th>
          </tr>
        }
        row={(webhook) => (
          <tr key={webhook.id}>
            <th scope="row" class="text">
              <Receiver key={webhook.version} webhook={webhook} action={action} onChanged={refresh} />
            </th>
            <td class="text">{webhook.events.join(', ')}</td>
            <td class="text">
              <State webhook={webhook} />
            </td>
            <td class="number">{countText(webhook.pending)}</td>
            <td>
              <Actions
                webhook={webhook}
                action={action}
                onChanged={refresh}
                onSecret={setSecret}
                onAttempts={() => setShown(shown === webhook.id ? undefined : webhook.id)}
              />
            </td>
          </tr>
        )}
        empty="Nobody is told of anything."
      />
      {shown !== undefined && <Attempts key={`${shown} ${round}`} id={shown} />}
      <AddWebhook
        onAdded={(added) => {
          setSecret(added);
          refresh();
        }}
      />
    </View>
  );
}

interface ReceiverProps {
  readonly webhook: Webhook;
  readonly action: Action;
  readonly onChanged: () => void;
}

/** Where events are sent, and a field for another address: what waits follows there. */
function Receiver({ webhook: { id, url, version }, action: { busy, run }, onChanged }: ReceiverProps) {
  const [draft, setDraft] = useState<string>();
  if (draft === undefined) {
    return (
      <>
        {url}{' '}
        <button type="button" class="quiet small" disabled={busy} onClick={() => setDraft(url)}>
          Edit<span class="hidden"> {url}</span>
        </button>
      </>
    );
  }
  const save = async (event: SubmitEvent) => {
    event.preventDefault();
    const params = { path: { id }, header: { 'if-match': `"${version}"` } };
    const body = { url: draft.trim() };
    const saved = await run(async () => {
      if (body.url === url) return undefined;
      await answer(api.PATCH('/api/v1/webhooks/{id}', { params, body }));
      return `${body.url} is told from now on, and of what waits, instead of ${url}.`;
    });
    if (saved) setDraft(undefined);
    onChanged();
  };
  return (
    <form
      class="address"
      onSubmit={save}
      onKeyDown={(event) => event.key === 'Escape' && setDraft(undefined)}
    >
      <input
        aria-label={`Receiver instead of ${url}`}
        type="url"
        required
        maxLength={2000}
        autocomplete="off"
        value={draft}
        onInput={(event) => setDraft(event.currentTarget.value)}
      />
      <div class="buttons">
        <button type="submit" class="small" disabled={busy}>
          Save<span class="hidden"> {url}</span>
        </button>
        <button type="button" class="quiet small" onClick={() => setDraft(undefined)}>
          Leave it
        </button>
      </div>
    </form>
  );
}

function State({ webhook }: { readonly webhook: Webhook }) {
  const { active, failing_since, last_error, next_attempt_at, last_delivered_at } = webhook;
  if (!active) return <span class="mark low">paused</span>;
  if (failing_since) {
    return (
      <>
        <span class="mark out">failing</span> since {timeText(failing_since)}: {last_error}.
        {next_attempt_at && <> Next attempt {timeText(next_attempt_at)}.</>}
      </>
    );
  }
  if (!last_delivered_at) return <span class="faint">nothing sent yet</span>;
  return (
    <>
      told {timeText(last_delivered_at)}
      {last_error && `; the event before was given up: ${last_error}`}
    </>
  );
}

interface ActionsProps {
  readonly webhook: Webhook;
  readonly action: Action;
  readonly onChanged: () => void;
  readonly onSecret: (made: { readonly url: string; readonly secret: string }) => void;
  readonly onAttempts: () => void;
}

function Actions({ webhook, action: { busy, run }, onChanged, onSecret, onAttempts }: ActionsProps) {
  const { id, url, active, version } = webhook;
  const params = { path: { id }, header: { 'if-match': `"${version}"` } };
  const act = async (work: () => Promise<string | undefined>) => {
    await run(work);
    onChanged();
  };
  const actions: readonly (readonly [text: string, work: () => Promise<string | undefined>])[] = [
    [
      'Test',
      async () => {
        const { delivered, error, duration_ms } = await answer(
          api.POST('/api/v1/webhooks/{id}/test', { params: { path: { id } } }),
        );
        return delivered ? `${url} took the test in ${duration_ms} ms.` : `The test failed: ${error}.`;
      },
    ],
    [
      active ? 'Pause' : 'Go on',
      async () => {
        await answer(api.PATCH('/api/v1/webhooks/{id}', { params, body: { active: !active } }));
        return active ? `${url} is paused. Events wait for seven days.` : `${url} goes on.`;
      },
    ],
    [
      'Last day again',
      async () => {
        const from = new Date(Date.now() - 24 * 3_600_000).toISOString();
        await answer(api.POST('/api/v1/webhooks/{id}/replay', { params: { path: { id } }, body: { from } }));
        return `The events of the last 24 hours are sent to ${url} again.`;
      },
    ],
    [
      'New secret',
      async () => {
        onSecret(await answer(api.POST('/api/v1/webhooks/{id}/secret', { params: { path: { id } } })));
        return 'For a day, the secret before signs as well.';
      },
    ],
  ];
  const remove = async () => {
    await answer(api.DELETE('/api/v1/webhooks/{id}', { params }));
    return `${url} is removed.`;
  };
  return (
    <div class="buttons">
      <button type="button" class="quiet small" onClick={onAttempts}>
        Attempts<span class="hidden"> at {url}</span>
      </button>
      {actions.map(([text, work]) => (
        <button key={text} type="button" class="quiet small" disabled={busy} onClick={() => act(work)}>
          {text}
          <span class="hidden"> {url}</span>
        </button>
      ))}
      <SureButton text="Remove" of={url} disabled={busy} onSure={() => act(remove)} />
    </div>
  );
}

function Attempts({ id }: { readonly id: number }) {
  return (
    <Paged
      label="Attempts"
      inputs={[id]}
      read={(cursor) =>
        answer(
          api.GET('/api/v1/webhooks/{id}/deliveries', {
            params: { path: { id }, query: { cursor, limit: 20 } },
          }),
        )
      }
      head={
        <tr>
          <th scope="col">When</th>
          <th scope="col">Event</th>
          <th scope="col">Outcome</th>
          <th scope="col" class="number">
            Attempt
          </th>
          <th scope="col" class="number">
            Milliseconds
          </th>
        </tr>
      }
      row={(attempt) => (
        <tr key={attempt.id}>
          <td>{timeText(attempt.at)}</td>
          <td>
            {attempt.type} <code>{attempt.event_id.slice(0, 8)}</code>
          </td>
          <td class="text">
            {attempt.outcome === 'delivered' ? (
              'delivered'
            ) : (
              <>
                <span class="mark out">{attempt.outcome.replace('_', ' ')}</span> {attempt.error}
              </>
            )}
          </td>
          <td class="number">{attempt.attempt}</td>
          <td class="number">{countText(attempt.duration_ms)}</td>
        </tr>
      )}
      empty="Nothing has been sent in the last seven days."
    />
  );
}

function AddWebhook({ onAdded }: { readonly onAdded: (webhook: Schemas['WebhookWithSecret']) => void }) {
  const { busy, failure, run } = useAction();

  async function add(event: SubmitEvent) {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const values = new FormData(form);
    const added = await run(async () => {
      const body = { url: String(values.get('url')).trim(), events: values.getAll('event') as EventType[] };
      onAdded(await answer(api.POST('/api/v1/webhooks', { body: { ...body, active: true } })));
      return undefined;
    });
    if (added) form.reset();
  }

  return (
    <section class="panel" aria-label="Add a webhook">
      <h2>Add a webhook</h2>
      <form onSubmit={add}>
        <Field
          label="Receiver"
          hint="A public address over https. Private ones: WEBHOOK_ALLOWED_NETWORKS."
          error={failure?.at('/body/url')}
        >
          {(own) => (
            <input
              {...own}
              name="url"
              type="url"
              required
              maxLength={2000}
              autocomplete="off"
              placeholder="https://"
            />
          )}
        </Field>
        <fieldset class="plain">
          <legend>Told of</legend>
          {EVENTS.map((event) => (
            <label key={event} class="check">
              <input type="checkbox" name="event" value={event} /> {event}
            </label>
          ))}
        </fieldset>
        <FailureNotice failure={failure} />
        <div class="actions">
          <button type="submit" class="main" disabled={busy}>
            Add webhook
          </button>
        </div>
      </form>
    </section>
  );
}
