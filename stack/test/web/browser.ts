import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

/** A Chromium of this machine; undefined where there is none. */
export const program = (process.env.PATH ?? '')
  .split(delimiter)
  .flatMap((folder) => ['chromium', 'chromium-browser', 'google-chrome'].map((name) => join(folder, name)))
  .find((path) => existsSync(path));

/** A browser that has just started on a busy machine. */
export const PATIENCE_MS = 60_000;

export function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: program ?? '',
    // Chromium's own sandbox does not start for root, nor in most containers.
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--js-flags=--expose-gc'],
  });
}

export interface WatchedPage {
  readonly page: Page;
  /** Scripts that failed, policies that were violated, requests to anywhere else; and nothing else of the console. */
  readonly complaints: string[];
}

/** A page in a context of its own. @param url all that it may ask. */
export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<WatchedPage> {
  const context = await browser.newContext({ baseURL: url, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('dialog', (dialog) => {
    complaints.push(`opens a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('console', (message) => {
    // Chromium says so of every answer of 400 or more, which a test asks for.
    const refused = message.text().startsWith('Failed to load resource');
    if (['error', 'warning'].includes(message.type()) && !refused) complaints.push(message.text());
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(`${url}/`) && !request.url().startsWith('data:')) {
      complaints.push(`asks for ${request.url()}`);
    }
  });
  await page.exposeFunction('violated', (directive: string) => complaints.push(`violates ${directive}`));
  await page.addInitScript(
    `addEventListener('securitypolicyviolation', (event) => violated(event.effectiveDirective + ' ' + event.blockedURI))`,
  );
  return { page, complaints };
}

/** Fills in the form that asks who it is. */
export async function logIn(page: Page, username: string, password: string): Promise<void> {
  await page.getByLabel('User name').fill(username);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Log in', exact: true }).click();
}
