import { useEffect, useRef, useState } from 'preact/hooks';
import { lazy, Route, Router, useLocation } from 'preact-iso';
import { logOut, type Me, useSession } from './api/session';
import { ItemView } from './views/item';
import { ItemsView } from './views/items';
import { LogIn } from './views/log-in';

const NewItemView = lazy(() => import('./views/new-item'));
const StockView = lazy(() => import('./views/stock'));
const ImportView = lazy(() => import('./views/import').then((views) => views.ImportItemsView));
const CountFileView = lazy(() => import('./views/import').then((views) => views.ImportCountsView));
const ImportsView = lazy(() => import('./views/imports').then((views) => views.ImportsView));
const ImportRecordView = lazy(() => import('./views/imports').then((views) => views.ImportRecordView));
const LocationsView = lazy(() => import('./views/names').then((views) => views.LocationsView));
const CategoriesView = lazy(() => import('./views/names').then((views) => views.CategoriesView));
const SuppliersView = lazy(() => import('./views/names').then((views) => views.SuppliersView));
const ApiKeysView = lazy(() => import('./views/api-keys'));
const WebhooksView = lazy(() => import('./views/webhooks'));
const ReportsView = lazy(() => import('./views/reports'));
const UsersView = lazy(() => import('./views/users'));
const AuditView = lazy(() => import('./views/audit'));

type Role = Me['role'];

const WRITERS: readonly Role[] = ['manager', 'admin'];
const ADMINS: readonly Role[] = ['admin'];

const SECTIONS: readonly {
  readonly title: string;
  readonly roles?: readonly Role[];
  readonly links: readonly (readonly [path: string, text: string])[];
}[] = [
  {
    title: 'Catalogue',
    links: [
      ['/items', 'Items'],
      ['/categories', 'Categories'],
      ['/suppliers', 'Suppliers'],
      ['/locations', 'Locations'],
    ],
  },
  {
    title: 'Stock',
    roles: WRITERS,
    links: [
      ['/stock/receive', 'Receive'],
      ['/stock/issue', 'Issue'],
      ['/stock/transfer', 'Transfer'],
      ['/stock/count', 'Count'],
      ['/import', 'Import'],
      ['/import-counts', 'Count from a file'],
      ['/imports', 'Files taken'],
    ],
  },
  {
    title: 'Reports',
    links: [
      ['/reports/low-stock', 'Low stock'],
      ['/reports/valuation', 'Valuation'],
      ['/reports/movements', 'Movements'],
    ],
  },
  {
    title: 'Administration',
    roles: ADMINS,
    links: [
      ['/users', 'Users'],
      ['/api-keys', 'API keys'],
      ['/webhooks', 'Webhooks'],
      ['/audit', 'Audit log'],
    ],
  },
];

export function App() {
  const { me, expired } = useSession();
  if (!me) return <LogIn />;
  return (
    <>
      <Shell me={me} />
      {expired && <LogIn again={me.username} />}
    </>
  );
}

function Shell({ me }: { readonly me: Me }) {
  const { path } = useLocation();
  const main = useRef<HTMLElement>(null);
  const [open, setOpen] = useState(false);
  const first = useRef(true);

  // A new view is where reading goes on, unless it has put the focus itself.
  useEffect(() => {
    setOpen(false);
    if (!first.current && !main.current?.contains(document.activeElement)) main.current?.focus();
    first.current = false;
  }, [path]);
  useEffect(() => {
    const search = (event: KeyboardEvent) => {
      const typing = /^(input|textarea|select)$/i.test((event.target as Element).tagName);
      const field = document.querySelector<HTMLInputElement>('[data-search]');
      if (event.key !== '/' || typing || !field) return;
      event.preventDefault();
      field.focus();
      field.select();
    };
    addEventListener('keydown', search);
    return () => removeEventListener('keydown', search);
  }, []);

  return (
    <div class="shell">
      <a class="skip" href="#main">
        Skip to content
      </a>
      <header class="side">
        <a class="brand" href="/items">
          Inventory
        </a>
        <button
          type="button"
          class="quiet menu"
          aria-expanded={open}
          aria-controls="sections"
          onClick={() => setOpen(!open)}
        >
          Menu
        </button>
        <div id="sections" class={open ? 'sections open' : 'sections'}>
          <nav aria-label="Main">
            {SECTIONS.filter(({ roles }) => !roles || roles.includes(me.role)).map(({ title, links }) => (
              <section key={title}>
                <h2>{title}</h2>
                {links.map(([href, text]) => (
                  <a
                    key={href}
                    href={href}
                    aria-current={path === href || path.startsWith(`${href}/`) ? 'page' : undefined}
                  >
                    {text}
                  </a>
                ))}
              </section>
            ))}
          </nav>
          <div class="foot">
            <span class="who" title={me.role}>
              {me.username}
            </span>
            <a href="/docs" target="_blank" rel="noreferrer">
              API
            </a>
            <button type="button" class="link" onClick={logOut}>
              Log out
            </button>
          </div>
        </div>
      </header>
      <main id="main" ref={main} tabIndex={-1}>
        <Router>
          <Route path="/" component={ItemsView} />
          <Route path="/items" component={ItemsView} />
          <Route path="/items/new" component={NewItemView} />
          <Route path="/items/:id" component={ItemView} />
          <Route path="/stock/:kind" component={StockView} />
          <Route path="/import" component={ImportView} />
          <Route path="/import-counts" component={CountFileView} />
          <Route path="/imports" component={ImportsView} />
          <Route path="/import/:id" component={ImportRecordView} />
          <Route path="/locations" component={LocationsView} />
          <Route path="/categories" component={CategoriesView} />
          <Route path="/suppliers" component={SuppliersView} />
          <Route path="/api-keys" component={ApiKeysView} />
          <Route path="/webhooks" component={WebhooksView} />
          <Route path="/reports/:report?" component={ReportsView} />
          <Route path="/users" component={UsersView} />
          <Route path="/audit" component={AuditView} />
          <Route default component={Nowhere} />
        </Router>
      </main>
    </div>
  );
}

function Nowhere() {
  return (
    <div class="view">
      <h1>There is nothing here</h1>
      <p>
        <a href="/items">All items</a>
      </p>
    </div>
  );
}
