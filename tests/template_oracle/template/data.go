// Package template has the data model and the functions of Alertmanager's templates, typed as templates see them. The
// package's name shows in types' names, as `%T` prints them.
package template

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"math"
	"net/url"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
)

type (
	Strings []string
	Pair    struct{ Name, Value string }
	Pairs   []Pair
	KV      map[string]string
	Alerts  []Alert
)

type Alert struct {
	Status       string    `json:"status"`
	Labels       KV        `json:"labels"`
	Annotations  KV        `json:"annotations"`
	StartsAt     time.Time `json:"startsAt"`
	EndsAt       time.Time `json:"endsAt"`
	GeneratorURL string    `json:"generatorURL"`
	Fingerprint  string    `json:"fingerprint"`
}

type Data struct {
	Receiver           string `json:"receiver"`
	Status             string `json:"status"`
	Alerts             Alerts `json:"alerts"`
	NotificationReason string `json:"notification_reason"`
	GroupLabels        KV     `json:"groupLabels"`
	CommonLabels       KV     `json:"commonLabels"`
	CommonAnnotations  KV     `json:"commonAnnotations"`
	RouteLabels        KV     `json:"routeLabels"`
	ExternalURL        string `json:"externalURL"`

	routeLabelsRendered bool
}

// MarkRendered says that the route labels are text, as they are when a notification is sent.
func (d *Data) MarkRendered() { d.routeLabelsRendered = true }

func (s Strings) Join(separator string) string { return strings.Join(s, separator) }

func (pairs Pairs) each(part func(Pair) string) Strings {
	out := make(Strings, len(pairs))
	for i, pair := range pairs {
		out[i] = part(pair)
	}
	return out
}

func (pairs Pairs) Names() Strings  { return pairs.each(func(p Pair) string { return p.Name }) }
func (pairs Pairs) Values() Strings { return pairs.each(func(p Pair) string { return p.Value }) }
func (pairs Pairs) String() string {
	return pairs.each(func(p Pair) string { return p.Name + "=" + p.Value }).Join(", ")
}

func (kv KV) SortedPairs() Pairs {
	pairs := make(Pairs, 0, len(kv))
	for name, value := range kv {
		pairs = append(pairs, Pair{name, value})
	}
	sort.Slice(pairs, func(i, j int) bool {
		if first, second := pairs[i].Name == "alertname", pairs[j].Name == "alertname"; first != second {
			return first
		}
		return pairs[i].Name < pairs[j].Name
	})
	return pairs
}

func (kv KV) Remove(names []string) KV {
	left := KV{}
	for name, value := range kv {
		if !slices.Contains(names, name) {
			left[name] = value
		}
	}
	return left
}

func (kv KV) Names() Strings  { return kv.SortedPairs().Names() }
func (kv KV) Values() Strings { return kv.SortedPairs().Values() }
func (kv KV) String() string  { return kv.SortedPairs().String() }

func (alerts Alerts) withStatus(status string) []Alert {
	found := []Alert{}
	for _, alert := range alerts {
		if alert.Status == status {
			found = append(found, alert)
		}
	}
	return slices.Clip(found)
}

func (alerts Alerts) Firing() []Alert   { return alerts.withStatus("firing") }
func (alerts Alerts) Resolved() []Alert { return alerts.withStatus("resolved") }

// Now is the instant at which every case is rendered.
var Now = time.Date(2026, time.November, 21, 10, 20, 30, 123456789, time.UTC)

// Functions are those that Alertmanager adds to Go's.
func Functions(data *Data) map[string]any {
	return map[string]any{
		"toUpper":      strings.ToUpper,
		"toLower":      strings.ToLower,
		"title":        func(s string) string { return cases.Title(language.AmericanEnglish).String(s) },
		"trimSpace":    strings.TrimSpace,
		"join":         func(separator string, list []string) string { return strings.Join(list, separator) },
		"match":        regexp.MatchString,
		"safeHtml":     func(s string) htmltemplate.HTML { return htmltemplate.HTML(s) },
		"safeUrl":      func(s string) htmltemplate.URL { return htmltemplate.URL(s) },
		"urlUnescape":  url.QueryUnescape,
		"reReplaceAll": func(re, by, s string) string { return regexp.MustCompile(re).ReplaceAllString(s, by) },
		"stringSlice":  func(list ...string) []string { return list },
		"routeLabels":  func(name string) (string, error) { return data.RouteLabels[name], nil },
		"date":         func(layout string, t time.Time) string { return t.Format(layout) },
		"tz": func(name string, t time.Time) (time.Time, error) {
			zone, err := time.LoadLocation(name)
			if err != nil {
				return time.Time{}, err
			}
			return t.In(zone), nil
		},
		"now":              func() time.Time { return Now.Local() },
		"since":            func(t time.Time) time.Duration { return Now.Sub(t) },
		"humanizeDuration": humanizeDuration,
		"toDate": func(layout, s string) time.Time {
			t, _ := time.ParseInLocation(layout, s, time.UTC)
			return t
		},
		"mustToDate": func(layout, s string) (time.Time, error) { return time.ParseInLocation(layout, s, time.UTC) },
		"toJson": func(v any) (string, error) {
			text, err := json.Marshal(v)
			return string(text), err
		},
		"base64encode": func(s string) string { return base64.URLEncoding.EncodeToString([]byte(s)) },
		"base64decode": func(s string) (string, error) {
			text, err := base64.URLEncoding.DecodeString(s)
			return string(text), err
		},
		"list":   func(values ...any) []any { return append([]any{}, values...) },
		"append": func(list []any, values ...any) []any { return append(slices.Clip(list), values...) },
		"dict": func(values ...any) (map[string]any, error) {
			if len(values)%2 != 0 {
				return nil, errors.New("dict requires an even number of arguments")
			}
			dict := map[string]any{}
			for i := 0; i < len(values); i += 2 {
				key, ok := values[i].(string)
				if !ok {
					return nil, errors.New("dict keys must be strings")
				}
				dict[key] = values[i+1]
			}
			return dict, nil
		},
	}
}

func seconds(value any) (float64, error) {
	switch v := value.(type) {
	case float64:
		return v, nil
	case string:
		return strconv.ParseFloat(v, 64)
	case int:
		return float64(v), nil
	case int64:
		return float64(v), nil
	case uint:
		return float64(v), nil
	case uint64:
		return float64(v), nil
	case time.Duration:
		return v.Seconds(), nil
	}
	return 0, fmt.Errorf("can't convert %T to float", value)
}

func humanizeDuration(value any) (string, error) {
	v, err := seconds(value)
	switch {
	case err != nil:
		return "", err
	case math.IsNaN(v) || math.IsInf(v, 0):
		return fmt.Sprintf("%.4g", v), nil
	case v == 0:
		return fmt.Sprintf("%.4gs", v), nil
	case math.Abs(v) < 1:
		prefix := ""
		for _, next := range strings.Split("munpfazy", "") {
			if math.Abs(v) >= 1 {
				break
			}
			prefix, v = next, v*1000
		}
		return fmt.Sprintf("%.4g%ss", v, prefix), nil
	}
	sign := ""
	if v < 0 {
		sign, v = "-", -v
	}
	whole := int64(v)
	s, m, h, d := whole%60, whole/60%60, whole/3600%24, whole/86400
	switch {
	case d != 0:
		return fmt.Sprintf("%s%dd %dh %dm %ds", sign, d, h, m, s), nil
	case h != 0:
		return fmt.Sprintf("%s%dh %dm %ds", sign, h, m, s), nil
	case m != 0:
		return fmt.Sprintf("%s%dm %ds", sign, m, s), nil
	}
	return fmt.Sprintf("%s%.4gs", sign, v), nil
}
