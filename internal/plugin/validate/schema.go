package validate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"

	"github.com/bridgestack/operator/config/crd"
)

// apiSchema is BridgeStack's, as an API server holds objects to it.
type apiSchema struct {
	structural *structuralschema.Structural
	values     validation.SchemaValidator
	rules      *cel.Validator
}

// schema is compiled when it is first needed. It is the program's own: that it
// is valid is what its tests see to.
var schema = sync.OnceValue(func() *apiSchema {
	s, err := compileSchema(crd.BridgeStacks)
	if err != nil {
		panic(fmt.Sprintf("the schema of BridgeStack: %v", err))
	}
	return s
})

func compileSchema(definition []byte) (*apiSchema, error) {
	var external apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(definition, &external); err != nil {
		return nil, err
	}
	var internal apiextensions.JSONSchemaProps
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(external.Spec.Versions[0].Schema.OpenAPIV3Schema, &internal, nil); err != nil {
		return nil, err
	}
	structural, err := structuralschema.NewStructural(&internal)
	if err != nil {
		return nil, err
	}
	values, _, err := validation.NewSchemaValidator(&internal)
	if err != nil {
		return nil, err
	}
	return &apiSchema{structural, values, cel.NewValidator(structural, true, celconfig.PerCallLimit)}, nil
}

// problems of an object: unknown fields, values, and rules between them.
func (s *apiSchema) problems(ctx context.Context, object map[string]any) field.ErrorList {
	var out field.ErrorList
	copied, err := plainMap(object)
	if err != nil {
		return field.ErrorList{field.Invalid(nil, "", "it cannot be written as JSON: "+err.Error())}
	}
	unknown := pruning.PruneWithOptions(copied, s.structural, true, structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
	for _, path := range unknown {
		out = append(out, field.Invalid(nil, "", "there is no such field"))
		out[len(out)-1].Field = path
	}
	invalid := validation.ValidateCustomResource(nil, copied, s.values)
	out = append(out, invalid...)
	if len(invalid) == 0 { // rules are compiled for objects that are of the schema's types
		broken, _ := s.rules.Validate(ctx, nil, s.structural, copied, nil, celconfig.RuntimeCELCostBudget)
		out = append(out, broken...)
	}
	return out
}

// plainMap is an object with the types of JSON alone, as an API server sees it.
func plainMap(object map[string]any) (map[string]any, error) {
	encoded, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	var out map[string]any
	if err := utiljson.Unmarshal(encoded, &out); err != nil { // whole numbers are int64
		return nil, err
	}
	return out, nil
}

func isEnd(err error) bool { return errors.Is(err, io.EOF) }
