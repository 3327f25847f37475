{{- /* Labels that Helm and its users know an object by. */ -}}
{{- define "pulse.labels" -}}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- /* Pulse's image, by digest where there is one. */ -}}
{{- define "pulse.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end }}

{{- /* What all pods may be told. */ -}}
{{- define "pulse.pod" -}}
{{- with .Values.pods }}
{{- range $name := list "imagePullSecrets" "nodeSelector" "tolerations" }}
{{- with get $.Values.pods $name }}
{{ $name }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- /* Entries of a ConfigMap in clear: each is text. */ -}}
{{- define "pulse.data" -}}
{{- range $key, $text := . }}
{{ $key }}: {{ $text | quote }}
{{- end }}
{{- end }}

{{- /* What every role is told: what the manifests say, and over it what the values do. */ -}}
{{- define "pulse.map.settings" -}}
{{- include "pulse.data" (mergeOverwrite (include "pulse.settings.made" . | fromYaml) (.Values.settings | default dict)) }}
{{- end }}

{{- /* Providers' settings that are no secret. */ -}}
{{- define "pulse.map.providers" -}}
{{- include "pulse.data" .Values.providers.settings }}
{{- end }}
