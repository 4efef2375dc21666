// Command types prints Go struct types and all that they hold, as encoding/json and strategic merge patches see them.
//
// It reads source and compiles nothing, so it needs only the modules that declare the types:
//
//	types -module k8s.io/api=DIR -module k8s.io/apimachinery=DIR k8s.io/api/core/v1.Pod
//
// For every struct there is one line with its name, and one line for each field below it: the name in JSON, the type,
// and what the tags say (`omitempty`, `omitzero`, `merge`, `merge=KEY`). Embedded structs are flattened. Types that
// have a JSON form of their own are printed by their name and not looked into.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	source := source{modules: map[string]string{}, packages: map[string]*goPackage{}}
	for len(args) > 1 && args[0] == "-module" {
		name, folder, found := strings.Cut(args[1], "=")
		if !found {
			return fmt.Errorf("-module takes PATH=DIR, not %s", args[1])
		}
		source.modules[name] = folder
		args = args[2:]
	}
	if len(args) == 0 {
		return errors.New("name at least one type, such as k8s.io/api/core/v1.Pod")
	}
	out := bufio.NewWriter(os.Stdout)
	done := map[typeName]bool{}
	var pending []typeName
	for _, arg := range args {
		dot := strings.LastIndex(arg, ".")
		if dot < 0 {
			return fmt.Errorf("%s names no type: write PACKAGE.TYPE", arg)
		}
		pending = append(pending, typeName{arg[:dot], arg[dot+1:]})
	}
	for len(pending) > 0 {
		name := pending[0]
		pending = pending[1:]
		if done[name] {
			continue
		}
		done[name] = true
		structure, err := source.structure(name)
		if err != nil {
			return err
		}
		fmt.Fprintln(out, name)
		for _, field := range structure.fields {
			fmt.Fprintln(out, " ", field)
		}
		pending = append(pending, structure.below...)
	}
	return out.Flush()
}

// A typeName is a declared type: `k8s.io/api/core/v1` and `Pod`.
type typeName struct{ pkg, name string }

func (t typeName) String() string { return t.pkg + "." + t.name }

// A source holds the packages that were read so far.
type source struct {
	modules  map[string]string
	packages map[string]*goPackage
}

// A goPackage holds the declarations of one package.
type goPackage struct {
	types map[string]declaration
	// Types with a MarshalJSON method.
	marshals map[string]bool
}

// A declaration is a type, and the imports of the file that it stands in.
type declaration struct {
	expr    ast.Expr
	imports map[string]string
}

func (s *source) load(importPath string) (*goPackage, error) {
	if known := s.packages[importPath]; known != nil {
		return known, nil
	}
	folder := ""
	for module, at := range s.modules {
		if rest, inside := strings.CutPrefix(importPath+"/", module+"/"); inside {
			folder = filepath.Join(at, rest)
		}
	}
	if folder == "" {
		return nil, fmt.Errorf("no -module holds the package %s", importPath)
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s has no Go files, so there is no package %s", folder, importPath)
	}
	read := &goPackage{types: map[string]declaration{}, marshals: map[string]bool{}}
	for _, file := range files {
		base := filepath.Base(file)
		if strings.HasSuffix(base, "_test.go") || strings.HasSuffix(base, ".pb.go") || strings.HasPrefix(base, "zz_generated") {
			continue
		}
		if err := read.add(file); err != nil {
			return nil, err
		}
	}
	s.packages[importPath] = read
	return read, nil
}

func (p *goPackage) add(file string) error {
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	imports := map[string]string{}
	for _, spec := range parsed.Imports {
		importPath, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return err
		}
		name := path.Base(importPath)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		imports[name] = importPath
	}
	for _, decl := range parsed.Decls {
		switch decl := decl.(type) {
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				if spec, is := spec.(*ast.TypeSpec); is {
					p.types[spec.Name.Name] = declaration{spec.Type, imports}
				}
			}
		case *ast.FuncDecl:
			if decl.Recv == nil || decl.Name.Name != "MarshalJSON" {
				continue
			}
			receiver := decl.Recv.List[0].Type
			if star, is := receiver.(*ast.StarExpr); is {
				receiver = star.X
			}
			if name, is := receiver.(*ast.Ident); is {
				p.marshals[name.Name] = true
			}
		}
	}
	return nil
}

func (s *source) find(name typeName) (*goPackage, declaration, error) {
	pkg, err := s.load(name.pkg)
	if err != nil {
		return nil, declaration{}, err
	}
	found, is := pkg.types[name.name]
	if !is {
		return nil, declaration{}, fmt.Errorf("package %s has no type %s", name.pkg, name.name)
	}
	return pkg, found, nil
}

// marshals says whether a type has a JSON form of its own, declared or from a struct that it embeds.
func (s *source) marshals(name typeName) (bool, error) {
	pkg, found, err := s.find(name)
	if err != nil || pkg.marshals[name.name] {
		return err == nil, err
	}
	structure, is := found.expr.(*ast.StructType)
	if !is {
		return false, nil
	}
	for _, field := range structure.Fields.List {
		if len(field.Names) > 0 || field.Tag != nil {
			continue
		}
		embedded, err := named(field.Type, name.pkg, found.imports)
		if err != nil || !strings.HasPrefix(embedded.pkg, "k8s.io/") {
			continue
		}
		if does, err := s.marshals(embedded); does || err != nil {
			return does, err
		}
	}
	return false, nil
}

// A structure holds the printed fields of a struct and the structs that they name.
type structure struct {
	fields []string
	below  []typeName
}

func (s *source) structure(name typeName) (structure, error) {
	var result structure
	_, found, err := s.find(name)
	if err != nil {
		return result, err
	}
	expr, is := found.expr.(*ast.StructType)
	if !is {
		return result, fmt.Errorf("%s is not a struct", name)
	}
	for _, field := range expr.Fields.List {
		tag := reflect.StructTag("")
		if field.Tag != nil {
			text, err := strconv.Unquote(field.Tag.Value)
			if err != nil {
				return result, err
			}
			tag = reflect.StructTag(text)
		}
		jsonName, options, _ := strings.Cut(tag.Get("json"), ",")
		if jsonName == "-" {
			continue
		}
		if len(field.Names) == 0 && jsonName == "" {
			embedded, err := named(field.Type, name.pkg, found.imports)
			if err != nil {
				return result, fmt.Errorf("%s: %w", name, err)
			}
			inner, err := s.structure(embedded)
			if err != nil {
				return result, err
			}
			result.fields = append(result.fields, inner.fields...)
			result.below = append(result.below, inner.below...)
			continue
		}
		if jsonName == "" {
			return result, fmt.Errorf("%s.%s has no name in JSON", name, field.Names[0].Name)
		}
		written, err := s.written(field.Type, name.pkg, found.imports, &result.below)
		if err != nil {
			return result, fmt.Errorf("%s.%s: %w", name, jsonName, err)
		}
		line := jsonName + " " + written
		for _, option := range strings.Split(options, ",") {
			if option == "omitempty" || option == "omitzero" {
				line += " " + option
			}
		}
		for _, strategy := range strings.Split(tag.Get("patchStrategy"), ",") {
			if strategy == "merge" {
				line += " merge"
				if key := tag.Get("patchMergeKey"); key != "" {
					line += "=" + key
				}
			}
		}
		result.fields = append(result.fields, line)
	}
	return result, nil
}

// named is the declared type that an expression names.
func named(expr ast.Expr, pkg string, imports map[string]string) (typeName, error) {
	switch expr := expr.(type) {
	case *ast.Ident:
		return typeName{pkg, expr.Name}, nil
	case *ast.SelectorExpr:
		if qualifier, is := expr.X.(*ast.Ident); is && imports[qualifier.Name] != "" {
			return typeName{imports[qualifier.Name], expr.Sel.Name}, nil
		}
	}
	return typeName{}, fmt.Errorf("%T does not name a type", expr)
}

// written is a type as the table writes it; structs in it are added to below.
func (s *source) written(expr ast.Expr, pkg string, imports map[string]string, below *[]typeName) (string, error) {
	switch expr := expr.(type) {
	case *ast.StarExpr:
		inner, err := s.written(expr.X, pkg, imports, below)
		return "*" + inner, err
	case *ast.ArrayType:
		inner, err := s.written(expr.Elt, pkg, imports, below)
		return "[]" + inner, err
	case *ast.MapType:
		inner, err := s.written(expr.Value, pkg, imports, below)
		return "map:" + inner, err
	}
	name, err := named(expr, pkg, imports)
	if err != nil {
		return "", err
	}
	if name.pkg == pkg {
		switch name.name {
		case "bool", "string", "int", "int32", "int64", "uint32", "float32", "float64", "byte":
			return name.name, nil
		}
	}
	if marshals, err := s.marshals(name); err != nil || marshals {
		return name.String(), err
	}
	_, found, err := s.find(name)
	if err != nil {
		return "", err
	}
	if _, is := found.expr.(*ast.StructType); is {
		*below = append(*below, name)
		return name.String(), nil
	}
	return s.written(found.expr, name.pkg, found.imports, below)
}
