// One step of a job: its attempts, its waits, what it gave and what it wrote.
import type { JobDetail, Step } from '../api-types.ts';
import { usePlace } from '../router.ts';
import { providerName, shortId } from '../text.ts';
import { Fact } from '../ui/Fact.tsx';
import { Card, type Crumb, Empty, Page, Show, Skeleton } from '../ui/Frame.tsx';
import { JsonTree } from '../ui/JsonTree.tsx';
import { Link } from '../ui/Link.tsx';
import { Mark, type Tone } from '../ui/Status.tsx';
import { Block, Line } from '../ui/Text.tsx';
import { Duration, RelativeTime } from '../ui/Time.tsx';
import { Effects } from './Effects.tsx';
import { useJob } from './JobPage.tsx';
import { isEnded, nameOf, WAITING_WORDS } from './jobs.ts';
import { attemptsOf, type Attempt } from './attempts.ts';

const STATES: Record<Step['status'], { tone: Tone; word: string }> = {
  RUNNING: { tone: 'busy', word: 'Running' },
  WAITING: { tone: 'warn', word: 'Waiting' },
  DONE: { tone: 'good', word: 'Done' },
  FAILED: { tone: 'bad', word: 'Failed' },
};

export function StepPage({ id, name }: { id: string; name: string }) {
  const { job, view, reload } = useJob(id);
  const step = job?.steps.find((candidate) => candidate.name === name);
  return (
    <Page
      title={name}
      crumbs={crumbsOf(id, name, job)}
      heading={
        <>
          <Line text={name} most={80} />
          {step && <Mark {...STATES[step.status]} />}
        </>
      }
    >
      <Show view={view} reload={reload} skeleton={<Skeleton rows={4} height={80} />}>
        {(shown) => {
          const found = shown.steps.find((candidate) => candidate.name === name);
          return found ? <StepBody job={shown} step={found} /> : <NoStep job={shown} />;
        }}
      </Show>
    </Page>
  );
}

function crumbsOf(id: string, name: string, job: JobDetail | null): Crumb[] {
  const up: Crumb[] = job?.delivery
    ? [
        { label: 'Deliveries', href: '/deliveries' },
        {
          label: `${providerName(job.delivery.provider)} ${shortId(job.delivery.delivery_id)}`,
          href: `/deliveries/${job.delivery.delivery_id}`,
        },
      ]
    : [{ label: 'Jobs', href: '/jobs' }];
  const jobName = job ? nameOf(job) : `Job ${shortId(id)}`;
  return [...up, { label: jobName, href: `/jobs/${id}` }, { label: name }];
}

function NoStep({ job }: { job: JobDetail }) {
  return (
    <Empty title={isEnded(job.status) ? 'The job has no step of this name.' : 'The job has not begun a step of this name.'}>
      <Link href={`/jobs/${job.job_id}`}>Back to the job</Link>
    </Empty>
  );
}

function StepBody({ job, step }: { job: JobDetail; step: Step }) {
  const waits = job.waits.filter((wait) => wait.step === step.name);
  const effects = job.effects.filter((effect) => effect.step === step.name);
  return (
    <>
      <dl class="fact-line">
        <Fact label="Position">{step.position}</Fact>
        <Fact label="Attempts">{step.attempts}</Fact>
        <Fact label="Began">
          <RelativeTime at={step.started_at} isStop />
        </Fact>
        <Fact label="Ended">
          <RelativeTime at={step.finished_at} isStop />
        </Fact>
      </dl>
      <Card title="Attempts">
        <ol class="entries">
          {attemptsOf(step).map((attempt) => (
            <AttemptEntry key={attempt.number} attempt={attempt} />
          ))}
        </ol>
      </Card>
      {waits.length > 0 && (
        <Card title="Waits">
          <ul class="entries">
            {waits.map((wait) => (
              <li key={wait.started_at} class="entry-head">
                <span class="entry-title">Waited {WAITING_WORDS[wait.reason]}</span>
                <Duration ms={wait.ended_at ? Date.parse(wait.ended_at) - Date.parse(wait.started_at) : null} />
                <span class="muted small">
                  from <RelativeTime at={wait.started_at} isStop />
                </span>
              </li>
            ))}
          </ul>
        </Card>
      )}
      {effects.length > 0 && <Effects effects={effects} />}
      {step.output !== null && step.output !== undefined && (
        <Card title="Output">
          <JsonTree value={step.output} label="output" />
        </Card>
      )}
    </>
  );
}

function AttemptEntry({ attempt }: { attempt: Attempt }) {
  const { hash } = usePlace();
  const anchor = `attempt-${attempt.number}`;
  return (
    <li id={anchor} class={hash === anchor ? 'is-target' : ''}>
      <div class="entry-head">
        <Mark {...STATES[attempt.status]} />
        <a class="entry-title" href={`#${anchor}`}>
          Attempt {attempt.number}
        </a>
        <Duration ms={attempt.durationMs} />
        <span class="muted small">
          <RelativeTime at={attempt.startedAt} isStop />
        </span>
      </div>
      {attempt.error !== null && <Block text={attempt.error} label={`Error of attempt ${attempt.number}`} />}
    </li>
  );
}
