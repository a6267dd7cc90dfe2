json_build_object(
    'workflow_version', j.workflow_version,
    'parameters', j.parameters,
    'result', j.result,
    'error_message', j.error_message,
    'triggered_by', j.triggered_by,
    'request', case when j.request is not null
                    then json_build_object('kind', j.request, 'by', j.requested_by, 'at', j.requested_at) end,
    'steps', coalesce((
        select json_agg(json_build_object(
                   'name', s.name, 'position', s.position, 'status', s.status, 'attempts', s.attempts,
                   'failures', s.failures, 'started_at', s.started_at, 'attempted_at', s.attempted_at,
                   'finished_at', s.finished_at, 'output', s.output, 'error', s.error,
                   'failed_attempts', coalesce((
                       select json_agg(json_build_object(
                                  'started_at', a.started_at, 'ended_at', a.ended_at, 'error', a.error)
                                  order by a.started_at)
                         from attempts a
                        where a.tenant_id = s.tenant_id and a.job_id = s.job_id and a.step = s.name), '[]'))
                   order by s.position)
          from steps s
         where s.tenant_id = j.tenant_id and s.job_id = j.job_id), '[]'),
    -- A poll of an hour has hundreds; the newest are shown.
    'waits', coalesce((
        select json_agg(json_build_object(
                   -- A job waits in the step that it has begun last.
                   'step', (select s.name from steps s
                             where s.tenant_id = j.tenant_id and s.job_id = j.job_id and s.started_at <= w.started_at
                             order by s.position desc limit 1),
                   'reason', w.reason, 'started_at', w.started_at, 'due_at', w.due_at,
                   'ended_at', coalesce(w.ended_at, j.completed_at)) order by w.started_at)
          from (select * from waits w
                 where w.tenant_id = j.tenant_id and w.job_id = j.job_id
                 order by w.started_at desc limit 500) w), '[]'),
    'effects', coalesce((
        select json_agg(json_build_object(
                   'effect_id', e.effect_id, 'step', e.step, 'provider', e.provider, 'account_id', c.account_id,
                   'action', e.action, 'target', e.target, 'status', e.status, 'request', e.request,
                   'provider_record_id', e.provider_record_id, 'settled_by', e.settled_by, 'writes', e.writes,
                   'intended_at', e.intended_at, 'settled_at', e.settled_at) order by e.effect_id)
          from effects e
          left join connections c on c.tenant_id = e.tenant_id and c.connection_id = e.connection_id
         where e.tenant_id = j.tenant_id and e.job_id = j.job_id), '[]'),
    'related_records', coalesce((
        select json_agg(json_build_object(
                   'system_name', r.system_name, 'record_type', r.record_type, 'record_id', r.record_id,
                   'action', r.action, 'created_at', r.created_at) order by r.related_record_id)
          from workflow_related_records r
         where r.tenant_id = j.tenant_id and r.job_id = j.job_id), '[]'),
    'event', (
        select json_build_object(
                   'event_id', e.event_id, 'delivery_id', e.delivery_id, 'provider', e.provider,
                   'account_id', e.account_id, 'category', e.category, 'action', e.action,
                   'resource_id', e.resource_id, 'occurred_at', e.occurred_at, 'received_at', e.received_at,
                   'unhandled', e.unhandled, 'payload', e.payload,
                   'jobs', (select json_agg(json_build_object(
                                       'job_id', o.job_id, 'job_type', o.job_type, 'status', o.status,
                                       'about', o.about) order by o.job_id)
                              from pipeline_jobs o
                             where o.tenant_id = e.tenant_id and o.event_id = e.event_id))
          from events e
         where e.tenant_id = j.tenant_id and e.event_id = j.event_id),
    'delivery', (
        select json_build_object(
                   'delivery_id', d.delivery_id, 'provider', d.provider, 'received_at', d.received_at,
                   'outcome', d.outcome, 'note', d.note, 'event_count', d.event_count,
                   'new_event_count', d.new_event_count, 'size_bytes', octet_length(d.body))
          from events e
          join deliveries d on d.delivery_id = e.delivery_id and d.tenant_id = e.tenant_id
         where e.tenant_id = j.tenant_id and e.event_id = j.event_id)
) as rest
  from pipeline_jobs j
 where j.tenant_id = $1 and j.job_id = $2
