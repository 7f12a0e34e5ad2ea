-- +goose Up
CREATE TABLE world (
    id           text   NOT NULL PRIMARY KEY,
    plan         text   NOT NULL,
    position     bigint NOT NULL DEFAULT 0,
    seq          bigint NOT NULL DEFAULT 0,
    clock_at     bigint NOT NULL DEFAULT 0,
    clock_anchor bigint NOT NULL DEFAULT 0,
    clock_rate   bigint NOT NULL DEFAULT 1000,
    profile      text   NOT NULL DEFAULT ''
);

CREATE TABLE account (
    name     text NOT NULL PRIMARY KEY,
    world    text NOT NULL,
    role     text NOT NULL,
    password text NOT NULL
);

CREATE TABLE registry (
    world                   text   NOT NULL,
    id                      text   NOT NULL,
    uri                     text   NOT NULL,
    name                    text   NOT NULL,
    type                    text   NOT NULL,
    provider                text   NOT NULL,
    aws_account             text   NOT NULL,
    aws_region              text   NOT NULL,
    docker_org              text   NOT NULL,
    repositories            bigint NOT NULL,
    images                  bigint NOT NULL,
    scanned_images          bigint NOT NULL,
    vulnerable_images       bigint NOT NULL,
    created                 bigint NOT NULL,
    updated                 bigint NOT NULL,
    last_scanned            bigint NOT NULL,
    credential_type         text   NOT NULL,
    username                text   NOT NULL,
    aws                     text   NOT NULL,
    connectors              text   NOT NULL,
    deletion                text   NOT NULL DEFAULT '',
    PRIMARY KEY (world, id)
);
CREATE UNIQUE INDEX registry_uri ON registry (world, uri) WHERE deletion = '';
CREATE INDEX registry_created ON registry (world, created, id) WHERE deletion = '';

CREATE TABLE connector (
    world       text   NOT NULL,
    kind        text   NOT NULL,
    id          text   NOT NULL,
    name        text   NOT NULL,
    description text   NOT NULL,
    account     text   NOT NULL,
    location    text   NOT NULL,
    created     bigint NOT NULL,
    PRIMARY KEY (world, kind, id)
);
CREATE UNIQUE INDEX connector_name ON connector (world, kind, name) WHERE kind <> 'AWS';

CREATE TABLE report (
    world       text   NOT NULL,
    id          text   NOT NULL,
    name        text   NOT NULL,
    description text   NOT NULL,
    filter      text   NOT NULL,
    columns     text   NOT NULL,
    template    text   NOT NULL,
    status      text   NOT NULL,
    created     bigint NOT NULL,
    ready_at    bigint NOT NULL,
    expires_at  bigint NOT NULL,
    content     text   NOT NULL,
    PRIMARY KEY (world, id)
);

CREATE TABLE report_schedule (
    world text NOT NULL,
    id    text NOT NULL,
    body  text NOT NULL,
    PRIMARY KEY (world, id)
);

CREATE TABLE policy (
    world text NOT NULL,
    id    text NOT NULL,
    body  text NOT NULL,
    PRIMARY KEY (world, id)
);

CREATE TABLE repository (
    world             text   NOT NULL,
    registry          text   NOT NULL,
    name              text   NOT NULL,
    images            bigint NOT NULL,
    scanned_images    bigint NOT NULL,
    vulnerable_images bigint NOT NULL,
    PRIMARY KEY (world, registry, name)
);

CREATE TABLE image (
    world           text   NOT NULL,
    sha             text   NOT NULL,
    uuid            text   NOT NULL,
    size            bigint NOT NULL,
    vulnerabilities bigint NOT NULL,
    created         bigint NOT NULL,
    updated         bigint NOT NULL,
    last_scanned    bigint NOT NULL,
    PRIMARY KEY (world, sha)
);
CREATE INDEX image_created ON image (world, created, sha);

CREATE TABLE image_place (
    world      text NOT NULL,
    registry   text NOT NULL,
    repository text NOT NULL,
    tag        text NOT NULL,
    sha        text NOT NULL,
    host       text NOT NULL,
    PRIMARY KEY (world, registry, repository, tag)
);
CREATE INDEX image_place_sha ON image_place (world, sha);
CREATE INDEX image_place_repository ON image_place (world, lower(repository), sha);

CREATE TABLE schedule (
    world                text    NOT NULL,
    id                   text    NOT NULL,
    seq                  bigint  NOT NULL,
    registry             text    NOT NULL,
    name                 text    NOT NULL,
    on_demand            boolean NOT NULL,
    start_time           text    NOT NULL,
    interval_days        bigint  NOT NULL,
    week_day             text    NOT NULL,
    force_scan           boolean NOT NULL,
    registry_type        text    NOT NULL,
    status               text    NOT NULL,
    filters              text    NOT NULL,
    errors               text    NOT NULL,
    created              bigint  NOT NULL,
    updated              bigint  NOT NULL,
    job_start            bigint  NOT NULL,
    job_completion       bigint  NOT NULL,
    listing_start        bigint  NOT NULL,
    listing_completion   bigint  NOT NULL,
    scanning_start       bigint  NOT NULL,
    scanning_completion  bigint  NOT NULL,
    due_at               bigint  NOT NULL,
    run_at               bigint  NOT NULL,
    phase                text    NOT NULL,
    queued_stay          bigint  NOT NULL,
    listing_stay         bigint  NOT NULL,
    scanning_stay        bigint  NOT NULL,
    outcome              text    NOT NULL,
    fault                text    NOT NULL,
    PRIMARY KEY (world, id)
);
CREATE UNIQUE INDEX schedule_seq ON schedule (world, registry, seq);
CREATE INDEX schedule_created ON schedule (world, registry, created, id);
CREATE INDEX schedule_status ON schedule (world, registry, lower(status), created, id);
CREATE INDEX schedule_due ON schedule (world, due_at) WHERE due_at > 0;

CREATE TABLE schedule_target (
    world    text   NOT NULL,
    schedule text   NOT NULL,
    position bigint NOT NULL,
    repo     text   NOT NULL,
    tag      text   NOT NULL,
    PRIMARY KEY (world, schedule, position),
    FOREIGN KEY (world, schedule) REFERENCES schedule (world, id) ON DELETE CASCADE
);

CREATE TABLE schedule_count (
    world    text   NOT NULL,
    registry text   NOT NULL,
    status   text   NOT NULL,
    n        bigint NOT NULL,
    PRIMARY KEY (world, registry, status)
);

CREATE TABLE job (
    world     text   NOT NULL,
    id        text   NOT NULL,
    kind      text   NOT NULL,
    registry  text   NOT NULL,
    selection text   NOT NULL,
    state     text   NOT NULL,
    total     bigint NOT NULL,
    done      bigint NOT NULL,
    matched   bigint NOT NULL,
    changed   bigint NOT NULL,
    skipped   text   NOT NULL,
    outcomes  text   NOT NULL,
    error     text   NOT NULL,
    accepted  bigint NOT NULL,
    started   bigint NOT NULL,
    ended     bigint NOT NULL,
    position  bigint NOT NULL,
    upto      bigint NOT NULL,
    failures  bigint NOT NULL,
    seq       bigint NOT NULL,
    PRIMARY KEY (world, id)
);
CREATE INDEX job_open ON job (failures, seq) WHERE ended = 0;
CREATE INDEX job_seq ON job (seq);
