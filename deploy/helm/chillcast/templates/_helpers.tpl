{{- define "chillcast.name" -}}
{{ .Release.Name | replace "." "-" | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "chillcast.labels" -}}
app.kubernetes.io/name: chillcast
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "chillcast.selector" -}}
app.kubernetes.io/name: chillcast
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "chillcast.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end -}}
{{- end }}

{{/* What has to be said, and what cannot be shared evenly, is refused before anything is made. */}}
{{- define "chillcast.check" -}}
{{- if not (regexMatch "^[a-z]" .Release.Name) }}{{ fail (printf "release %s: expected a name that begins with a letter, as services have to" .Release.Name) }}{{ end }}
{{- if not .Values.kafka.brokers }}{{ fail "kafka.brokers is empty: expected host:port of Apache Kafka" }}{{ end }}
{{- if not .Values.influxdb.url }}{{ fail "influxdb.url is empty: expected the address of an InfluxDB 2" }}{{ end }}
{{- if not .Values.influxdb.secretName }}{{ fail "influxdb.secretName is empty: expected a secret with the keys writer-token and reader-token" }}{{ end }}
{{- if not .Values.bundles.existingClaim }}{{ fail "bundles.existingClaim is empty: expected a claim with the folder of promoted bundles" }}{{ end }}
{{- if and (hasPrefix "sasl" .Values.kafka.security) (not .Values.kafka.secretName) }}{{ fail (printf "kafka.secretName is empty: expected a secret with the keys username and password for kafka.security = %s" .Values.kafka.security) }}{{ end }}
{{- $own := "HOME FLEET BROKER BROKER_SECURITY BROKER_MECHANISM BROKER_USERNAME BROKER_CA_FILE PARTITIONS SESSION_TIMEOUT_S LOG_FORMAT INFLUX_URL INFLUX_ORG INFLUX_BUCKET WORKER_ID WORKERS METRICS_HOST METRICS_PORT PAGE_URL PAGE_ALLOWED_HOSTS ROUTES OIDC_ISSUER OIDC_CLIENT_ID" }}
{{- if .Values.page.oidc.issuer }}{{ $own = printf "%s PAGE_ROLES" $own }}{{ end }}
{{- range $name, $value := .Values.settings }}
{{- if has (trimPrefix "CHILLCAST_" $name) (splitList " " $own) }}{{ fail (printf "settings.%s: expected the key of the chart that sets it" $name) }}{{ end }}
{{- end }}
{{- if and .Values.notices.routesConfigMap (not .Values.notices.channelsSecret) }}{{ fail "notices.channelsSecret is empty: expected a secret with the key channels beside notices.routesConfigMap" }}{{ end }}
{{- if ne (not .Values.notices.routesConfigMap) (not (hasKey .Values.workers "delivery")) }}{{ fail "notices.routesConfigMap and workers.delivery: expected both or neither: the stage delivery tells people what the routes say" }}{{ end }}
{{- if and (hasKey .Values.workers "rekey") (not (hasKey .Values.settings "CHILLCAST_REKEY_TOPIC")) }}{{ fail "settings.CHILLCAST_REKEY_TOPIC is missing: expected the topic that workers.rekey reads" }}{{ end }}
{{- if and .Values.page.ingress.enabled (not .Values.page.ingress.host) }}{{ fail "page.ingress.host is empty: expected the name by which browsers ask for the page" }}{{ end }}
{{- if and .Values.page.oidc.issuer (not .Values.page.oidc.clientId) }}{{ fail "page.oidc.clientId is empty: expected as whom the page is known to page.oidc.issuer" }}{{ end }}
{{- range $stage, $worker := .Values.workers }}
{{- $replicas := int $worker.replicas }}
{{- if mod (int $.Values.partitions) $replicas }}{{ fail (printf "workers.%s.replicas = %d: expected a divisor of partitions = %d" $stage $replicas (int $.Values.partitions)) }}{{ end }}
{{- end }}
{{- end }}

{{/* Helm reads every number of a values file as a fraction, and would write a million as 1e+06. */}}
{{- define "chillcast.value" -}}
{{- if and (kindIs "float64" .) (eq . (floor .)) }}{{ int64 . }}{{ else }}{{ . }}{{ end }}
{{- end }}

{{- define "chillcast.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "chillcast.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* root, token: which key of the database's secret */}}
{{- define "chillcast.env" -}}
{{- $values := .root.Values }}
- {name: CHILLCAST_HOME, value: /data}
- {name: HOME, value: /tmp}
- {name: CHILLCAST_FLEET, value: {{ $values.fleet | quote }}}
- {name: CHILLCAST_BROKER, value: {{ $values.kafka.brokers | quote }}}
- {name: CHILLCAST_BROKER_SECURITY, value: {{ $values.kafka.security | quote }}}
- {name: CHILLCAST_PARTITIONS, value: {{ $values.partitions | quote }}}
- {name: CHILLCAST_SESSION_TIMEOUT_S, value: {{ $values.sessionTimeoutS | quote }}}
- {name: CHILLCAST_LOG_FORMAT, value: json}
- {name: CHILLCAST_INFLUX_URL, value: {{ $values.influxdb.url | quote }}}
- {name: CHILLCAST_INFLUX_ORG, value: {{ $values.influxdb.org | quote }}}
- {name: CHILLCAST_INFLUX_BUCKET, value: {{ $values.influxdb.bucket | quote }}}
- name: CHILLCAST_INFLUX_TOKEN
  valueFrom: {secretKeyRef: {name: {{ $values.influxdb.secretName | quote }}, key: {{ .token }}}}
{{- if $values.kafka.secretName }}
- {name: CHILLCAST_BROKER_MECHANISM, value: {{ $values.kafka.mechanism | quote }}}
- name: CHILLCAST_BROKER_USERNAME
  valueFrom: {secretKeyRef: {name: {{ $values.kafka.secretName | quote }}, key: username}}
- name: CHILLCAST_BROKER_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ $values.kafka.secretName | quote }}, key: password}}
{{- end }}
{{- if $values.kafka.caSecretName }}
- {name: CHILLCAST_BROKER_CA_FILE, value: /etc/chillcast/ca/ca.crt}
{{- end }}
{{- range $name, $value := $values.settings }}
- {name: {{ $name }}, value: {{ include "chillcast.value" $value | quote }}}
{{- end }}
{{- end }}

{{- define "chillcast.mounts" -}}
- {name: tmp, mountPath: /tmp}
- {name: bundles, mountPath: /data/bundles, readOnly: true}
{{- if .Values.kafka.caSecretName }}
- {name: ca, mountPath: /etc/chillcast/ca, readOnly: true}
{{- end }}
{{- end }}

{{- define "chillcast.volumes" -}}
- {name: tmp, emptyDir: {sizeLimit: 512Mi}}
- name: bundles
  persistentVolumeClaim: {claimName: {{ .Values.bundles.existingClaim | quote }}, readOnly: true}
{{- if .Values.kafka.caSecretName }}
- name: ca
  secret: {secretName: {{ .Values.kafka.caSecretName | quote }}}
{{- end }}
{{- end }}
