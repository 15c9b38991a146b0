const count = new Intl.NumberFormat('en');
const signed = new Intl.NumberFormat('en', { signDisplay: 'exceptZero' });
const time = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short' });

export const countText = (value: number) => count.format(value);
export const signedText = (value: number) => signed.format(value).replace('-', '−');
export const timeText = (value: string) => time.format(new Date(value));

/** A price as it is stored: exact, with at least two decimals. */
export function moneyText(price: string): string {
  const [whole = '0', decimals = ''] = price.split('.');
  return `${count.format(BigInt(whole))}.${decimals.replace(/0+$/, '').padEnd(2, '0')}`;
}
