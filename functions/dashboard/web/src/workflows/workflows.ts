// What an owner has to know of each workflow: what it does, what it is tried on, what can be chosen. Pure.
import type { Connection } from '../api-types.ts';
import { providerName } from '../text.ts';

export interface About {
  /** What it does, for its owner. */
  does: string;
  /** Where its events come from; null where a call starts it. */
  source: string | null;
  /** What it is run on, as the pipeline calls the two parameters; null where it cannot be tried here. */
  record: { account: string; id: string; label: string; help: string } | null;
  fields: readonly SettingField[];
}

export interface SettingField {
  name: string;
  label: string;
  help: string;
  /** What holds where nothing is entered. */
  fallback: string;
  /** `list` is one a line; `asana` one of the connected workspaces. */
  kind: 'text' | 'list' | 'asana';
}

const text = (name: string, label: string, help: string, fallback: string): SettingField => ({
  name,
  label,
  help,
  fallback,
  kind: 'text',
});

const ABOUT: Record<string, About> = {
  'xero-invoice-to-hubspot': {
    does: 'A paid Xero invoice marks its customer in HubSpot.',
    source: 'xero',
    record: {
      account: 'organisation_id',
      id: 'invoice_id',
      label: 'Id of the invoice',
      help: 'The last part of its address when the invoice is open in Xero.',
    },
    fields: [
      text('lifecycle_stage', 'Lifecycle stage', 'What the contact becomes. HubSpot moves it forwards only.', 'customer'),
      text('invoice_property', 'Property for the invoice', 'Gets the number of the last paid invoice.', 'zixly_last_paid_invoice'),
      text('amount_property', 'Property for the amount', 'Gets what was paid.', 'zixly_last_paid_amount'),
      text('currency_property', 'Property for the currency', 'Gets the currency of the amount.', 'zixly_last_paid_currency'),
      text('paid_on_property', 'Property for the day', 'Gets the day of the payment.', 'zixly_last_paid_on'),
    ],
  },
  'shopify-order-to-xero': {
    does: 'A paid Shopify order becomes a paid invoice in Xero.',
    source: 'shopify',
    record: {
      account: 'shop',
      id: 'order_id',
      label: 'Id of the order',
      help: 'The number at the end of its address when the order is open in Shopify, not #1002.',
    },
    fields: [
      text('sales_account', 'Account of sales', 'The code in your chart of accounts.', "the installation's, as a rule 200"),
      text('payment_account', 'Account of payments', 'Where the money comes to.', "the installation's, as a rule 970"),
      text('tax_type', 'Tax type', 'As Xero calls it, for every line.', 'that of the account of sales'),
    ],
  },
  'hubspot-deal-to-asana': {
    does: 'A won HubSpot deal becomes a project in Asana.',
    source: 'hubspot',
    record: {
      account: 'portal_id',
      id: 'deal_id',
      label: 'Id of the deal',
      help: 'The number at the end of its address when the deal is open in HubSpot.',
    },
    fields: [
      { name: 'workspace', label: 'Asana workspace', help: 'Where the project is made.', fallback: 'the connected one', kind: 'asana' },
      text('task_name', 'Name of the first task', 'What there is to do first.', 'Kick-off: and the name of the deal'),
    ],
  },
  'asana-task-to-hubspot': {
    does: 'A completed Asana task becomes a note on its HubSpot deal.',
    source: 'asana',
    record: {
      account: 'workspace',
      id: 'task',
      label: 'Id of the task',
      help: 'The number at the end of its address when the task is open in Asana.',
    },
    fields: [
      {
        name: 'projects',
        label: 'Projects to watch',
        help: 'Their ids (the number in the address of the project), one a line: besides the projects that Zixly made.',
        fallback: '1201234567890123',
        kind: 'list',
      },
    ],
  },
  'trading-sweep': {
    does: 'A trading strategy is tried with many parameters.',
    source: null,
    record: null,
    fields: [],
  },
};

export const MAIN_WORKFLOW = 'xero-invoice-to-hubspot';

export function aboutOf(jobType: string): About {
  return ABOUT[jobType] ?? { does: '', source: null, record: null, fields: [] };
}

/** The accounts that a record of the workflow can lie in. */
export function accountsFor(jobType: string, connections: readonly Connection[]): Array<{ value: string; label: string }> {
  const { source } = aboutOf(jobType);
  return connections
    .filter(({ provider }) => provider === source)
    .map(({ account_id, account_name }) => ({ value: account_id, label: account_name }));
}

/** Why it can not run although it is on; null when nothing is missing. */
export function missingText(missing: readonly string[]): string | null {
  if (missing.length === 0) return null;
  const names = missing.map((provider) => providerName(provider)).join(' and ');
  return `${names} ${missing.length === 1 ? 'is' : 'are'} not connected, or ${missing.length === 1 ? 'needs' : 'need'} a new authorisation.`;
}
