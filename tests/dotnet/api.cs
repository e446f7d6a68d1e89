// SPDX-License-Identifier: BSD-2-Clause
// Copyright (c) 2026, the WinSpd authors

// Prints the public members of winspd-msil.dll, a line each, as api.golden has them.

using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;

static class Api
{
    const BindingFlags Own = BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static |
        BindingFlags.DeclaredOnly;

    static String Parameters(MethodBase method)
    {
        return "(" + String.Join(", ", method.GetParameters().Select(parameter =>
            (parameter.ParameterType.IsByRef ? "ref " : "") +
            parameter.ParameterType.Name.TrimEnd('&') + " " + parameter.Name +
            (parameter.IsOptional ? " = " + (parameter.DefaultValue ?? "null") : ""))) + ")";
    }

    static IEnumerable<String> Members(Type type)
    {
        foreach (FieldInfo field in type.GetFields(Own))
            yield return field.IsLiteral
                ? "const " + field.FieldType.Name + " " + field.Name + " = " +
                    field.GetRawConstantValue()
                : field.FieldType.Name + " " + field.Name;
        foreach (ConstructorInfo constructor in type.GetConstructors(Own))
            yield return "constructor" + Parameters(constructor);
        foreach (PropertyInfo property in type.GetProperties(Own))
            yield return property.PropertyType.Name + " " + property.Name +
                (property.CanRead ? " get" : "") + (property.GetSetMethod() != null ? " set" : "");
        foreach (MethodInfo method in type.GetMethods(Own))
            if (!method.IsSpecialName)
                yield return (method.IsStatic ? "static " : "") +
                    (method.IsVirtual && !method.IsFinal ? "virtual " : "") +
                    method.ReturnType.Name + " " + method.Name + Parameters(method);
    }

    static void Main()
    {
        Assembly assembly = typeof(Spd.StorageUnitHost).Assembly;
        Console.WriteLine("assembly " + assembly.GetName().Name + " " + assembly.GetName().Version);
        foreach (AssemblyName name in assembly.GetReferencedAssemblies())
            Console.WriteLine("needs " + name.Name);
        foreach (Type type in assembly.GetExportedTypes())
        {
            Console.WriteLine(type.FullName + ": " + (type.IsValueType ? "struct" : "class") +
                (typeof(IDisposable).IsAssignableFrom(type) ? " IDisposable" : "") +
                (type.IsSealed && !type.IsValueType ? " sealed" : ""));
            foreach (String member in Members(type))
                Console.WriteLine(type.FullName + ": " + member);
        }
    }
}
